// One page for one user: asked of his shard within a deadline, its record in the log before it goes out, or flagged.
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { FeedEntry, FeedPage, ServingShard } from '../shard.ts'
import { ApiError } from './api-errors.ts'
import { withDeadline } from './deadline.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import type { InFlightLimit } from './in-flight-limit.ts'
import type { RequestOwners } from './request-owners.ts'
import type { ServedLog } from './served-log.ts'
import type { FeedQueryValues } from './shapes.ts'
import type { UserLog } from './user-log.ts'

/** A page as clients get it. */
export interface ServedPage {
  readonly requestId: string
  readonly entries: readonly FeedEntry[]
  readonly cursor: string | null
  readonly versions: FeedPage['versions']
  readonly unlogged?: true
}

export interface FeedService {
  /** Rejects with bad-cursor, overloaded or shard-unavailable. */
  page(query: FeedQueryValues): Promise<ServedPage>
}

export function feedService(parts: {
  readonly shards: (userId: string) => ServingShard
  readonly userLog: UserLog
  readonly servedLog: ServedLog
  readonly owners: RequestOwners
  readonly runtime: Runtime
  readonly metrics: GatewayMetrics
  readonly feeds: InFlightLimit
  readonly shardDeadlineMs: number
}): FeedService {
  const { runtime, metrics } = parts

  async function answer(query: FeedQueryValues): Promise<ServedPage> {
    const work = parts.shards(query.user).feed({
      requestId: runtime.randomness.id(),
      userId: query.user,
      limit: query.limit,
      feed: query.feed,
      cursor: query.cursor ?? null,
      seed: runtime.randomness.seed(),
      surface: query.surface,
      device: query.device,
      network: query.network,
      language: query.language ?? null,
      region: query.region ?? null,
      explain: query.explain === '1' || query.explain === 'true',
      receivedTimeMs: runtime.clock.nowMs(),
      reflect: parts.userLog.reflect(query.user),
    })
    const timely = await withDeadline(runtime.timers, parts.shardDeadlineMs, work)
    if (timely.late) {
      work.catch(() => {})
      throw new FreshetError('shard-unavailable', `the shard took over ${parts.shardDeadlineMs} ms; try again`)
    }
    if (timely.value.status === 'bad-cursor') {
      throw new ApiError('bad-cursor', timely.value.reason, 'ask without a cursor to start a session', 'cursor')
    }
    const { requestId, entries, cursor, versions, served } = timely.value.page
    parts.owners.remember(requestId, query.user)
    const page = { requestId, entries, cursor, versions }
    // A page given again has its record in the log already.
    if (served === null) return page
    const logged = (await parts.servedLog.append(served)) === 'logged'
    metrics.pageServed(logged)
    return logged ? page : { ...page, unlogged: true }
  }

  return {
    page: (query) =>
      parts.feeds.run(async () => {
        const startMs = runtime.clock.monotonicMs()
        const took = () => runtime.clock.monotonicMs() - startMs
        try {
          const page = await answer(query)
          metrics.feedAnswered('ok', took())
          return page
        } catch (error) {
          metrics.feedAnswered(error instanceof ApiError ? 'bad-cursor' : 'failed', took())
          throw error
        }
      }),
  }
}
