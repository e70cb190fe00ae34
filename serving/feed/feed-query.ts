// One request as the stages see it: who asks, what the view knows, and the page's context, which query hydrators fill.
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import type { CountReader, QueryContext, UserFacts, UserHistory } from '../../streams/features/feature.ts'
import { emptyHistory } from '../../streams/features/history.ts'
import { unknownUser } from '../../streams/features/user-facts.ts'
import type { FeedRequest } from '../shard.ts'
import type { FeedSession } from '../view/feed-session.ts'
import type { UserView } from '../view/user-view.ts'
import type { View } from '../view/view.ts'
import type { Params } from './params.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'

/** Region and language where neither request nor profile says one: ISO 3166 and ISO 639 reserve them. */
export const unknownRegion = 'ZZ'
export const unknownLanguage = 'und'

/** The context under construction. */
export interface DraftContext extends QueryContext {
  user: UserFacts
  language: string
  region: string
  history: UserHistory
  counts: CountReader
}

export interface FeedQuery {
  readonly request: FeedRequest
  readonly view: View
  readonly params: Params
  readonly user: UserView
  /** Bucket that holds the user's rows. */
  readonly userBucket: number
  readonly session: FeedSession
  /** Event time of the page. */
  readonly nowMs: number
  readonly context: DraftContext
  /** Page-side features; null until hydrated. */
  features: FeatureRow | null
  /** The user's vector under the index's generation; null until hydrated, and before the first generation. */
  vector: Float32Array | null
  /** Numbers for one purpose: what one stage draws moves no other's. */
  random(purpose: string): SeededRandom
}

const noCounts: CountReader = {
  read(_table, _id, out) {
    out.fill(0)
    return 0
  },
}

export function feedQuery(request: FeedRequest, view: View, session: FeedSession): FeedQuery {
  return {
    request,
    view,
    params: view.params,
    user: view.userOf(request.userId),
    userBucket: view.userBucketOf(request.userId),
    session,
    nowMs: request.receivedTimeMs,
    context: {
      user: unknownUser(request.userId),
      surface: request.surface,
      device: request.device,
      network: request.network,
      language: request.language ?? unknownLanguage,
      region: request.region ?? unknownRegion,
      nowMs: request.receivedTimeMs,
      history: emptyHistory,
      counts: noCounts,
    },
    features: null,
    vector: null,
    random: (purpose) => seededRandom(`${session.seed}/${request.requestId}/${purpose}`),
  }
}
