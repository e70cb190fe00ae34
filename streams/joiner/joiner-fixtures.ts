// Streams of interactions for tests of the joiner, and a way to run a processor over them.
import fc from 'fast-check'
import { encode } from '../../schemas/codec.ts'
import type { AnyRecord, FeedServed, InteractionsRecord, VideoWatched } from '../../schemas/generated.ts'
import { offsetOf, partitionOf } from '../log/log.ts'
import type { Processor } from '../processor/processor.ts'

export const startMs = Date.UTC(2026, 10, 21, 12)

export interface Emitted {
  readonly key: string | null
  readonly record: AnyRecord
  /** Encoded at once, as the runner does. */
  readonly bytes: string
}

export function emittedBy(processor: Processor, records: readonly InteractionsRecord[], firstOffset = 0): Emitted[] {
  const emitted: Emitted[] = []
  for (const [index, record] of records.entries()) {
    processor.step(
      {
        topic: 'interactions',
        partition: partitionOf(0),
        offset: offsetOf(firstOffset + index),
        key: 'userId' in record ? record.userId : null,
        timestampMs: record.receivedTimeMs,
        record,
      },
      {
        emit(_topic, key, output) {
          emitted.push({ key, record: output!, bytes: Buffer.from(encode(output!)).toString('base64') })
        },
        reject(reason) {
          throw new Error(`rejected: ${reason}`)
        },
      },
    )
  }
  return emitted
}

export function pageFixture(requestId: string, atMs: number, changes: Partial<FeedServed> = {}): FeedServed {
  const videoIds = ['v1', 'v2', 'v3']
  return {
    type: 'FeedServed',
    eventId: `page ${requestId}`,
    eventTimeMs: startMs + atMs,
    receivedTimeMs: startMs + atMs,
    requestId,
    userId: 'u1',
    sessionId: 's1',
    page: 0,
    seed: 1,
    feed: 'foryou',
    surface: 'app',
    device: 'phone',
    network: 'wifi',
    language: 'en',
    region: 'DE',
    featureSet: 'f1',
    queryFeatures: Uint8Array.from([1, 2, 3]),
    headNames: ['like', 'complete', 'unheard-of'],
    entries: videoIds.map((videoId, position) => ({
      videoId,
      creatorId: `creator of ${videoId}`,
      position,
      source: 'fresh',
      features: Uint8Array.from([position, 9, 9, 9]),
      similarity: position / 4 - 0.5,
      predictions: [0.5, 0.25, 1],
      score: 1,
      stageScores: {},
      propensity: 0.5,
      reasons: [],
    })),
    model: 'm',
    modelVersion: 1,
    generation: 1,
    policyVersion: 1,
    stamp: {},
    sources: [],
    removed: {},
    poolIds: [],
    poolScores: [],
    imported: false,
    ...changes,
  }
}

export function watchFixture(eventId: string, atMs: number, changes: Partial<VideoWatched> = {}): VideoWatched {
  return {
    type: 'VideoWatched',
    ...actPart(eventId, atMs),
    watchTimeMs: 20_000,
    durationMs: 20_000,
    completed: true,
    replays: 0,
    givenLabels: {},
    ...changes,
  }
}

export function actPart(eventId: string, atMs: number) {
  return {
    eventId,
    eventTimeMs: startMs + atMs,
    receivedTimeMs: startMs + atMs,
    userId: 'u1',
    videoId: 'v1',
    requestId: 'r1' as string | null,
    position: 0 as number | null,
  }
}

export function tickFixture(atMs: number): InteractionsRecord {
  return { type: 'Tick', eventTimeMs: startMs + atMs, receivedTimeMs: startMs + atMs }
}

/** What a generated step is; `afterMs` to the step before it. */
interface StreamStep {
  readonly kind:
    | 'page'
    | 'watch'
    | 'skip'
    | 'like'
    | 'share'
    | 'save'
    | 'comment'
    | 'follow'
    | 'hide'
    | 'report'
    | 'tick'
    | 'reset'
    | 'repeat'
  readonly afterMs: number
  readonly eventAgeMs: number
  readonly user: number
  readonly video: number
  readonly page: number
  readonly named: number
  readonly withdrawn: boolean
  readonly amount: number
  readonly given: boolean | null
}

const stepArbitrary: fc.Arbitrary<StreamStep> = fc.record({
  kind: fc.constantFrom(
    ...(['page', 'page', 'watch', 'watch', 'skip', 'like', 'like', 'share', 'save', 'comment'] as const),
    ...(['follow', 'hide', 'report', 'tick', 'reset', 'repeat'] as const),
  ),
  afterMs: fc.constantFrom(0, 1, 1_000, 60_000, 400_000),
  eventAgeMs: fc.constantFrom(0, 0, 0, -1_000, 5_000, 300_000),
  user: fc.constantFrom(0, 0, 0, 1),
  video: fc.nat(3),
  page: fc.nat(2),
  named: fc.nat(3),
  withdrawn: fc.boolean(),
  amount: fc.constantFrom(0, 500, 1_900, 9_000, 19_500, 40_000),
  given: fc.option(fc.boolean()),
})

/** Streams of up to `stepsMax` interactions, ending in a Tick that closes every window. */
export function streamArbitrary(stepsMax: number): fc.Arbitrary<InteractionsRecord[]> {
  return fc.array(stepArbitrary, { maxLength: stepsMax, size: 'max' }).map(recordsOf)
}

function recordsOf(steps: readonly StreamStep[]): InteractionsRecord[] {
  const records: InteractionsRecord[] = ['r0', 'r1'].map((requestId) => pageFixture(requestId, 0, { userId: 'u0' }))
  let atMs = 0
  for (const [index, step] of steps.entries()) {
    atMs += step.afterMs
    if (step.kind !== 'repeat') records.push(recordOf(step, index, atMs))
    else if (records.length > 0) records.push(records[step.page % records.length]!)
  }
  return [...records, tickFixture(atMs + 3_600_000)]
}

function recordOf(step: StreamStep, index: number, atMs: number): InteractionsRecord {
  const user = `u${step.user}`
  if (step.kind === 'tick') return tickFixture(atMs)
  if (step.kind === 'page') {
    const featureSet = step.named === 0 ? '' : 'f1'
    const page = pageFixture(`r${step.page}`, atMs, { userId: user, featureSet, eventId: `page ${index}` })
    return { ...page, entries: page.entries.slice(0, step.video === 3 ? 1 : 3) }
  }
  const act = {
    ...actPart(`act ${index}`, atMs),
    eventTimeMs: startMs + atMs - step.eventAgeMs,
    userId: user,
    videoId: `v${step.video}`,
    requestId: step.named < 2 ? `r${step.page}` : null,
    position: step.named === 0 ? Math.max(0, step.video - 1) : null,
  }
  const { withdrawn } = step
  const givenLabels: Record<string, boolean> =
    step.given === null
      ? {}
      : { like: step.given, complete: true, taste: true, 'like?': true, 'share?': true, 'watchTime?': step.given }
  switch (step.kind) {
    case 'watch':
      return watchFixture(act.eventId, 0, { ...act, watchTimeMs: step.amount, replays: step.named % 2, givenLabels })
    case 'skip': {
      const durationMs = step.page === 0 ? 0 : 20_000
      return { type: 'VideoSkipped', ...act, watchTimeMs: step.amount, durationMs, givenLabels }
    }
    case 'like':
      return { type: 'VideoLiked', ...act, withdrawn }
    case 'share':
      return { type: 'VideoShared', ...act, channel: null, withdrawn }
    case 'save':
      return { type: 'VideoSaved', ...act, withdrawn }
    case 'comment':
      return { type: 'VideoCommented', ...act, commentId: `k${step.named % 2}`, text: 'hm', withdrawn }
    case 'follow': {
      const videoId = step.amount === 0 ? null : act.videoId
      return { type: 'CreatorFollowed', ...act, videoId, creatorId: 'c', withdrawn }
    }
    case 'hide':
      return { type: 'NotInterested', ...act, reason: null, withdrawn }
    case 'report':
      return { type: 'VideoReported', ...act, reason: 'spam', withdrawn }
    default:
      return {
        type: 'InterestsReset',
        eventId: act.eventId,
        eventTimeMs: act.eventTimeMs,
        receivedTimeMs: act.receivedTimeMs,
        userId: user,
      }
  }
}
