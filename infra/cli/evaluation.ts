// Predict before learning, in event-time order: all impressions of one interval are predicted with the weights from before
// it, then what was joined in it is learned. Features are hydrated, joined and learned by the loop's own parts.
import { decode } from '../../schemas/codec.ts'
import type { Example, FeedServed } from '../../schemas/generated.ts'
import { exampleId } from '../../schemas/ids.ts'
import { type Head, headIndex, heads } from '../../schemas/labels.ts'
import { decodeFloats, encodeFloats } from '../../schemas/layouts/floats.ts'
import { examples } from '../../schemas/topics.ts'
import { countReader } from '../../serving/view/count-view.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { attributionPolicy, joiner } from '../../streams/joiner/joiner.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { auc } from '../../trainers/evaluation/auc.ts'
import { logLoss } from '../../trainers/evaluation/log-loss.ts'
import type { TableFactory } from '../../trainers/model/initial-parameters.ts'
import type { ModelSpec } from '../../trainers/model/model-spec.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { type OnlineTrainer, onlineTrainer } from '../../trainers/online-trainer.ts'
import { countShard } from '../../trainers/parameter-server/count-shard.ts'
import { importWalk, type WalkedExample } from './import/import-walk.ts'
import type { KuairandFiles } from './import/kuairand-files.ts'
import { LockstepInput } from './import/lockstep-input.ts'
import { type Position, resolvePosition } from './position.ts'

export interface ModelOptions {
  readonly spec: ModelSpec
  readonly features: FeatureSet
  readonly tableFactory: TableFactory
  /** Impressions before this are learned but not scored. */
  readonly scoreFromMs: number
}

export interface EvaluationOptions extends ModelOptions {
  readonly files: KuairandFiles
  /** Event time that is predicted before it is learned. */
  readonly intervalMs: number
  onProgress?(impressions: number, eventTimeMs: number): void
}

export interface Evaluation {
  /** Impressions walked, repeats dropped. */
  readonly rows: number
  /** Impressions scored: those from scoreFromMs on whose view ended. */
  readonly scored: number
  readonly auc: Readonly<Record<string, number>>
  readonly logLoss: Readonly<Record<string, number>>
  /** Mean prediction over rate. */
  readonly calibration: Readonly<Record<string, number>>
  readonly positives: Readonly<Record<string, number>>
}

const reportedHeads: readonly Head[] = heads.filter((head) => head !== 'watchTime')
const progressEvery = 2_000

/** Await denseCompute() first. */
export function evaluateImport(options: EvaluationOptions): Evaluation {
  const { files, features, tableFactory, intervalMs } = options
  const counter = countShard({ spec: countsSpec, featureSet: features, tableFactory, syncIntervalMs: intervalMs })
  const intervals = new Intervals(options)
  const walk = importWalk({
    features,
    joiner: joiner({ eventIdsMax }),
    counter,
    counts: countReader(counter.shard),
    onExample: (example) => intervals.joined(example),
  })
  for (const video of files.videos) walk.video(video)
  for (const user of files.users) walk.user(user)

  let intervalEndMs = Number.NEGATIVE_INFINITY
  let rows = 0
  for (const event of files.timeline('drop')) {
    const timeMs = event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
    if (timeMs >= intervalEndMs) {
      if (rows > 0) {
        intervals.close(intervalEndMs)
        walk.tick(intervalEndMs)
      }
      intervalEndMs = (Math.floor(timeMs / intervalMs) + 1) * intervalMs
    }
    if (event.kind === 'engagement') walk.engagement(event.record)
    else {
      intervals.shown(unlabelled(walk.impression(event)))
      if (++rows % progressEvery === 0) options.onProgress?.(rows, timeMs)
    }
  }
  intervals.close(intervalEndMs)
  return { rows, ...intervals.result() }
}

export interface LogEvaluationOptions extends ModelOptions {
  readonly log: Log
  readonly from: Position
  readonly to: Position
  onProgress?(examples: number, eventTimeMs: number): void
}

/** The examples of the log as they were joined: each batch that a Tick closes is predicted, then learned. */
export async function evaluateLog(options: LogEvaluationOptions): Promise<Evaluation> {
  const place = { topic: examples, partition: partitionOf(0) }
  const from = await resolvePosition(options.log, place, options.from)
  const to = await resolvePosition(options.log, place, options.to)
  const reader = await options.log.openReader({ ...place, from })
  const intervals = new Intervals(options)
  let rows = 0
  while (reader.position < to) {
    for (const { offset, value } of await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })) {
      const record = value === null || offset >= to ? null : decode(value)
      if (record?.type === 'Tick') intervals.close(record.eventTimeMs)
      else if (record?.type === 'Example' || record?.type === 'LabelCorrection') {
        if (record.type === 'Example') {
          intervals.shown(record)
          if (++rows % progressEvery === 0) options.onProgress?.(rows, record.eventTimeMs)
        }
        intervals.joined(record)
      }
    }
  }
  await reader.close()
  intervals.close(Number.MAX_SAFE_INTEGER)
  return { rows, ...intervals.result() }
}

/** What was shown and joined since the last close: predicted all together, then learned. */
class Intervals {
  private readonly trainer: OnlineTrainer
  private readonly learning: LockstepInput
  private readonly score: Scoreboard
  private shownNow: Example[] = []
  private joinedNow: WalkedExample[] = []

  constructor({ spec, features, tableFactory, scoreFromMs }: ModelOptions) {
    // Nobody follows this trainer: a delta a day is as good as none.
    this.trainer = onlineTrainer({ spec, featureSet: features, tableFactory, syncIntervalMs: dayMs })
    this.learning = new LockstepInput(this.trainer, examples)
    this.score = new Scoreboard(scoreFromMs)
  }

  shown(example: Example): void {
    this.shownNow.push(example)
  }

  joined(example: WalkedExample): void {
    this.joinedNow.push(example)
  }

  close(endMs: number): void {
    const predictions = this.trainer.predict(this.shownNow)
    for (const [index, prediction] of predictions.entries()) {
      if (prediction) this.score.predicted(this.shownNow[index]!, prediction)
    }
    for (const example of this.joinedNow) {
      if (example.type === 'Example') this.score.joined(example)
      this.learning.step(example, example.userId)
    }
    this.learning.step({ type: 'Tick', eventTimeMs: endMs, receivedTimeMs: endMs }, null)
    this.shownNow = []
    this.joinedNow = []
  }

  result(): Omit<Evaluation, 'rows'> {
    return this.score.result()
  }
}

const dayMs = 86_400_000
/** Two windows of a day's events at a rate no import here reaches. */
const eventIdsMax = 2_000_000

/** The impression as a record that can be predicted: every label is unknown yet. */
function unlabelled(served: FeedServed): Example {
  const entry = served.entries[0]!
  return {
    type: 'Example',
    exampleId: exampleId(served.requestId, entry.position, attributionPolicy),
    requestId: served.requestId,
    position: entry.position,
    userId: served.userId,
    videoId: entry.videoId,
    creatorId: entry.creatorId,
    impressionTimeMs: served.eventTimeMs,
    eventTimeMs: served.eventTimeMs,
    receivedTimeMs: served.receivedTimeMs,
    featureSet: served.featureSet,
    queryFeatures: served.queryFeatures,
    features: entry.features,
    similarity: entry.similarity,
    headNames: heads,
    labels: encodeFloats(new Float32Array(heads.length).fill(Number.NaN)),
    predictions: null,
    weight: 1,
    propensity: 1,
    source: entry.source,
    surface: served.surface,
    region: served.region,
    imported: true,
  }
}

/** Brings predictions and labels of one impression together. */
class Scoreboard {
  private readonly scoreFromMs: number
  private readonly predictionById = new Map<string, Float32Array>()
  private readonly predictions: number[][] = reportedHeads.map(() => [])
  private readonly labels: number[][] = reportedHeads.map(() => [])
  private scored = 0

  constructor(scoreFromMs: number) {
    this.scoreFromMs = scoreFromMs
  }

  predicted(shown: Example, prediction: Float32Array): void {
    if (shown.impressionTimeMs >= this.scoreFromMs) this.predictionById.set(shown.exampleId, prediction)
  }

  joined(example: Example): void {
    const prediction = this.predictionById.get(example.exampleId)
    if (!prediction) return
    this.predictionById.delete(example.exampleId)
    this.scored++
    const labels = decodeFloats(example.labels)
    for (const [place, head] of reportedHeads.entries()) {
      const label = labels[headIndex[head]]!
      if (Number.isNaN(label)) continue
      this.predictions[place]!.push(prediction[headIndex[head]]!)
      this.labels[place]!.push(label)
    }
  }

  result(): Omit<Evaluation, 'rows'> {
    const byHead = (value: (predictions: number[], labels: number[]) => number): Record<string, number> =>
      Object.fromEntries(
        reportedHeads.map((head, place) => [head, value(this.predictions[place]!, this.labels[place]!)]),
      )
    return {
      scored: this.scored,
      auc: byHead(auc),
      logLoss: byHead((predictions, labels) => logLoss(predictions, labels).mean),
      calibration: byHead((predictions, labels) => sum(predictions) / sum(labels)),
      positives: byHead((_, labels) => sum(labels)),
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
