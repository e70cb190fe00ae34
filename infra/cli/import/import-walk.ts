// The walk of an imported log in event-time order: each impression is hydrated from what was visible before it, by the
// read sides that live serving runs, and joined and counted by the same joiner and counter. Nothing else is read: neither
// the running engine nor a clock, so the same rows give the same features and the same examples everywhere.
import type {
  AnyRecord,
  Example,
  FeedServed,
  LabelCorrection,
  Tick,
  UserJoined,
  VideoPublished,
} from '../../../schemas/generated.ts'
import { heads } from '../../../schemas/labels.ts'
import { encodeFeatureRow } from '../../../schemas/layouts/feature-row.ts'
import { examples, interactions } from '../../../schemas/topics.ts'
import type {
  CountReader,
  QueryContext,
  UserFacts,
  UserHistory,
  VideoFacts,
} from '../../../streams/features/feature.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { emptyHistory, foldHistory } from '../../../streams/features/history.ts'
import { foldUserFacts, unknownUser } from '../../../streams/features/user-facts.ts'
import { foldVideoFacts } from '../../../streams/features/video-facts.ts'
import type { Processor } from '../../../streams/processor/processor.ts'
import { type ImportedEngagement, type ImportedImpression, unknownCreator } from './imported-events.ts'
import { LockstepInput } from './lockstep-input.ts'

export type WalkedExample = Example | LabelCorrection

export interface ImportWalkOptions {
  readonly features: FeatureSet
  readonly joiner: Processor
  /** Folds examples into counts; `counts` reads them back. */
  readonly counter: Processor
  readonly counts: CountReader
  /** Gets every example as it is joined. */
  onExample?(example: WalkedExample): void
}

/** What a page is hydrated from that its user's own outcomes move. */
export interface UserView {
  readonly history: UserHistory
  readonly counts: CountReader
}

/** Encoded rows of a page of one entry. */
export interface HydratedPage {
  readonly queryFeatures: Uint8Array
  readonly features: Uint8Array
}

export interface ImportWalk {
  video(record: VideoPublished): void
  user(record: UserJoined): void
  /** As of now; it is never changed in place. */
  historyOf(userId: string): UserHistory
  /** The page as another view of its user would have it. Nothing is served, joined or counted. */
  hydrate(shown: ImportedImpression, view: UserView): HydratedPage
  /** The page with its features frozen, received when it was shown: who appends it says when that was. */
  impression(shown: ImportedImpression): FeedServed
  engagement(record: ImportedEngagement): void
  /** Lets time pass for joiner and counter, up to this event time. */
  tick(eventTimeMs: number): void
}

const unknownText = 'unknown'

export function importWalk(options: ImportWalkOptions): ImportWalk {
  const { features, counts } = options
  const videoById = new Map<string, VideoFacts>()
  const userById = new Map<string, UserFacts>()
  const historyByUser = new Map<string, UserHistory>()
  const counter = new LockstepInput(options.counter, examples)
  const joiner = new LockstepInput(options.joiner, interactions)

  const join = (record: AnyRecord, key: string | null): void => {
    for (const output of joiner.step(record, key)) {
      counter.step(output.record, output.key)
      if (output.record.type === 'Example' || output.record.type === 'LabelCorrection')
        options.onExample?.(output.record)
    }
  }

  const historyOf = (userId: string): UserHistory => historyByUser.get(userId) ?? emptyHistory
  const contextOf = (shown: ImportedImpression, view: UserView): QueryContext => {
    const user = userById.get(shown.userId) ?? unknownUser(shown.userId)
    return {
      network: unknownText,
      device: shown.device ?? unknownText,
      language: shown.language ?? user.language ?? unknownText,
      region: shown.region ?? user.region ?? unknownText,
      user,
      surface: shown.surface,
      nowMs: shown.impressionTimeMs,
      ...view,
    }
  }
  const hydrated = (shown: ImportedImpression, context: QueryContext): HydratedPage => {
    const query = features.readQuery(context)
    const entry = features.readEntry(context, videoById.get(shown.videoId) ?? unknownVideo(shown))
    return {
      queryFeatures: encodeFeatureRow(query.ids, query.dense),
      features: encodeFeatureRow(entry.ids, entry.dense),
    }
  }

  return {
    historyOf,
    hydrate: (shown, view) => hydrated(shown, contextOf(shown, view)),
    video(record) {
      const facts = foldVideoFacts(videoById.get(record.videoId) ?? null, record)
      if (facts) videoById.set(record.videoId, facts)
    },
    user(record) {
      const facts = foldUserFacts(userById.get(record.userId) ?? null, record)
      if (facts) userById.set(record.userId, facts)
    },
    impression(shown) {
      const context = contextOf(shown, { history: historyOf(shown.userId), counts })
      const page = hydrated(shown, context)
      const served: FeedServed = {
        type: 'FeedServed',
        eventId: shown.eventId,
        eventTimeMs: shown.impressionTimeMs,
        receivedTimeMs: shown.impressionTimeMs,
        requestId: shown.requestId,
        userId: shown.userId,
        sessionId: shown.requestId,
        page: 0,
        seed: 0,
        feed: 'foryou',
        surface: shown.surface,
        device: context.device,
        network: context.network,
        language: context.language,
        region: context.region,
        featureSet: features.fingerprint,
        queryFeatures: page.queryFeatures,
        headNames: heads,
        entries: [servedEntry(shown, page.features)],
        model: '',
        modelVersion: 0,
        generation: 0,
        policyVersion: 0,
        stamp: {},
        sources: [],
        removed: {},
        poolIds: [],
        poolScores: [],
        imported: true,
      }
      join(served, shown.userId)
      return served
    },
    engagement(record) {
      const known = historyOf(record.userId)
      const video = record.videoId === null ? null : (videoById.get(record.videoId) ?? null)
      historyByUser.set(record.userId, foldHistory(known, record, video))
      join(record, record.userId)
    },
    tick(eventTimeMs) {
      join({ type: 'Tick', eventTimeMs, receivedTimeMs: eventTimeMs } satisfies Tick, null)
    },
  }
}

function servedEntry(shown: ImportedImpression, features: Uint8Array): FeedServed['entries'][number] {
  return {
    videoId: shown.videoId,
    creatorId: shown.creatorId,
    position: 0,
    source: 'import',
    features,
    similarity: null,
    predictions: [],
    score: 0,
    stageScores: {},
    propensity: shown.propensity,
    reasons: [],
  }
}

/** A video that the log shows but no side table describes. */
function unknownVideo(shown: ImportedImpression): VideoFacts {
  return {
    videoId: shown.videoId,
    creatorId: shown.creatorId === '' ? unknownCreator : shown.creatorId,
    durationMs: 0,
    soundId: null,
    hashtags: [],
    category: null,
    language: null,
    region: null,
    publishedTimeMs: shown.impressionTimeMs,
    content: null,
    attributes: {},
    rowIdsBySlot: new Map(),
  }
}
