// Views whose topic alone tells how likely they are long and liked, as interactions through the real joiner, for tests of labels:
// the same views with likes known at once, late, doubled or taken back, and with negatives sampled.
import type { Example, FeedServed, InteractionsRecord, LabelCorrection, VideoLiked } from '../schemas/generated.ts'
import { rowId } from '../schemas/ids.ts'
import { type Head, headIndex } from '../schemas/labels.ts'
import { countColumnIndex, countDimension } from '../streams/features/count-columns.ts'
import { countIncrements } from '../streams/features/count-increments.ts'
import type { Feature } from '../streams/features/feature.ts'
import { featureSet } from '../streams/features/feature-set.ts'
import { joiner } from '../streams/joiner/joiner.ts'
import { auc } from './evaluation/auc.ts'
import type { ModelSpec } from './model/model-spec.ts'
import { sampleFeatures, sampleSpec } from './model/sample-features.ts'
import { type OnlineTrainer, type OnlineTrainerOptions, onlineTrainer } from './online-trainer.ts'
import { CollectedOutput, PlantedWorld, recorded, seededRandom, tick, topics } from './planted-world.ts'
import { wasmTable } from './table/wasm-table.ts'

const counted: Feature = {
  name: 'counted',
  slots: [],
  dense: [],
  write(_, sink) {
    sink.add('totals', rowId('all', 'all'))
    sink.addSlot('totals', 'hashtags')
  },
}
/** What the sample model reads, and counts of everything and of each topic. */
export const labelFeatures = featureSet([...sampleFeatures.features, counted])

/** Learns within a few thousand views what there is to know. */
const labelSpec: ModelSpec = {
  ...sampleSpec,
  ranker: { ...sampleSpec.ranker!, optimizer: { ...sampleSpec.ranker!.optimizer, learningRate: 0.03 } },
}

const longRates = [0.1, 0.5, 0.2, 0.4, 0.3, 0.6] as const
const likeRates = [0.03, 0.06, 0.12, 0.2, 0.35, 0.5] as const
const viewEveryMs = 1_000
const viewsPerTick = 25
const videos = 60

export interface LabelView {
  readonly page: FeedServed
  readonly watched: InteractionsRecord
  readonly isLong: boolean
  readonly isLiked: boolean
  /** How long after the view the like comes where it is late. */
  readonly likeDelayMs: number
}

export function labelViews(seed: number, count: number): LabelView[] {
  const random = seededRandom(seed)
  const planted = new PlantedWorld(seed)
  return Array.from({ length: count }, (_, index): LabelView => {
    const videoNumber = Math.floor(random() * videos)
    const topic = topics.indexOf(planted.topicOf(videoNumber) as (typeof topics)[number])
    const example = planted.exampleOf(Math.floor(random() * 30), videoNumber, [], false)
    const isLong = random() < longRates[topic]!
    const isLiked = random() < likeRates[topic]!
    const atMs = index * viewEveryMs
    const page = pageOf(example, atMs)
    const { userId, videoId, requestId } = example
    const act = { eventId: `watched ${index}`, userId, videoId, requestId, position: 0, ...timesOf(atMs + 500) }
    const watched: InteractionsRecord = {
      ...{ type: 'VideoSkipped', ...act },
      ...{ watchTimeMs: isLong ? 18_500 : 5_000, durationMs: 20_000, givenLabels: {} },
    }
    return { page, watched, isLong, isLiked, likeDelayMs: Math.ceil(random() * 60) * viewEveryMs }
  })
}

/** `extra` gives further records of a view, in any order. */
export function interactionsOf(
  views: readonly LabelView[],
  likes: 'atOnce' | 'late' | 'never',
  extra: (view: LabelView) => readonly InteractionsRecord[] = () => [],
): InteractionsRecord[] {
  const endMs = views.length * viewEveryMs
  const records = views.flatMap((view): InteractionsRecord[] => {
    const liked = likes === 'never' || !view.isLiked ? [] : [likeOf(view, likes === 'late' ? view.likeDelayMs : -100)]
    return [view.page, view.watched, ...liked, ...extra(view)]
  })
  for (let atMs = viewsPerTick * viewEveryMs; atMs <= endMs; atMs += viewsPerTick * viewEveryMs) {
    records.push(tick(atMs - 1))
  }
  // Stable: records of equal times stay in their order.
  const inOrder = records.sort((left, right) => left.receivedTimeMs - right.receivedTimeMs)
  return inOrder.filter(({ receivedTimeMs }) => receivedTimeMs < endMs)
}

/** `afterMs` to the end of the view. */
export function likeOf({ page, watched }: LabelView, afterMs: number, changes: Partial<VideoLiked> = {}): VideoLiked {
  const { userId, requestId, entries } = page
  const times = timesOf(watched.eventTimeMs + afterMs)
  const named = { userId, requestId, videoId: entries[0]!.videoId, position: 0 }
  return {
    type: 'VideoLiked',
    eventId: `liked ${requestId} ${afterMs}`,
    ...named,
    ...times,
    withdrawn: false,
    ...changes,
  }
}

export type Joined = Example | LabelCorrection | ReturnType<typeof tick>

export function joinedOf(records: readonly InteractionsRecord[], negativeShare = 1): Joined[] {
  const output = new CollectedOutput()
  const join = joiner({ negativeShare })
  for (const record of recorded(records, 'interactions')) join.step(record, output)
  return output.records.map(({ record }) => record as Joined)
}

export interface Learned {
  readonly trainer: OnlineTrainer
  /** Predictions of a head for every view, averaged over the weights of the stream's second half: one state's noise is not
   *  what is compared. */
  averaged(head: Head): Float32Array
}

export function labelTrainer(onLearned: OnlineTrainerOptions['onLearned'] = () => {}): OnlineTrainer {
  return onlineTrainer({ spec: labelSpec, featureSet: labelFeatures, tableFactory: wasmTable, onLearned })
}

/** Each state that is averaged is reached after so many records of the stream more. */
const averagedStates = 8

export function learn(joined: readonly Joined[], judged: readonly LabelView[]): Learned {
  const trainer = labelTrainer()
  const output = new CollectedOutput()
  const asked = joinedOf(interactionsOf(judged, 'never')).filter((record) => record.type === 'Example')
  const sums = new Map<Head, Float32Array>(
    (['longView', 'like'] as const).map((head) => [head, new Float32Array(asked.length)]),
  )
  const every = Math.floor(joined.length / 2 / averagedStates)
  for (const [index, record] of recorded(joined).entries()) {
    trainer.step(record, output)
    const left = joined.length - 1 - index
    if (every === 0 || left % every !== 0 || left / every >= averagedStates) continue
    for (const [row, predictions] of trainer.predict(asked).entries()) {
      for (const [head, own] of sums) own[row] = own[row]! + predictions![headIndex[head]]! / averagedStates
    }
  }
  return { trainer, averaged: (head) => sums.get(head)! }
}

/** Of predictions of the judged views: AUC, and the mean over the rate. */
export function judge(predictions: Float32Array, views: readonly LabelView[], head: 'longView' | 'like') {
  const labels = views.map(({ isLong, isLiked }) => Number(head === 'like' ? isLiked : isLong))
  const sum = (values: Iterable<number>) => Iterator.from(values).reduce((all, value) => all + value, 0)
  return { auc: auc(predictions, labels), calibration: sum(predictions) / sum(labels) }
}

/** Sums of the columns by count row. */
export function countsOf(joined: readonly Joined[]): Map<bigint, Float64Array> {
  const sums = new Map<bigint, Float64Array>()
  for (const record of joined) {
    if (record.type === 'Tick') continue
    for (const { id, values } of countIncrements(record, labelFeatures)) {
      const own = sums.get(id) ?? new Float64Array(countDimension)
      for (const [column, value] of values.entries()) own[column] = own[column]! + value
      sums.set(id, own)
    }
  }
  return sums
}

/** Of one count row. */
export function rateOf(counts: ReadonlyMap<bigint, Float64Array>, id: bigint, head: 'longView' | 'like'): number {
  const row = counts.get(id)!
  return row[countColumnIndex[head]]! / row[countColumnIndex.outcomes]!
}

function timesOf(atMs: number) {
  return { eventTimeMs: atMs, receivedTimeMs: atMs }
}

function pageOf({ userId, videoId, creatorId, requestId, queryFeatures, features }: Example, atMs: number): FeedServed {
  const entry = { videoId, creatorId, position: 0, source: 'fresh', features, similarity: null, predictions: [] }
  return {
    ...{ type: 'FeedServed', eventId: `page ${requestId}`, ...timesOf(atMs), requestId, userId, sessionId: 's' },
    ...{ page: 0, seed: 0, feed: 'foryou', surface: 'foryou', device: 'phone', network: 'wifi', language: 'sv' },
    ...{ region: 'se', featureSet: labelFeatures.fingerprint, queryFeatures, headNames: [] },
    entries: [{ ...entry, score: 1, stageScores: {}, propensity: 1, reasons: [] }],
    ...{ model: 'm', modelVersion: 1, generation: 1, policyVersion: 1, stamp: {}, sources: [], removed: {} },
    ...{ poolIds: [], poolScores: [], imported: false },
  }
}
