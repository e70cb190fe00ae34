// Predict before learning, in event-time order: all impressions of one interval are predicted with the weights from before
// it, then what was joined in it is learned. Features are hydrated, joined and learned by the loop's own parts.
import type { Example, FeedServed } from '../../schemas/generated.ts'
import { exampleId } from '../../schemas/ids.ts'
import { type Head, headIndex, heads } from '../../schemas/labels.ts'
import { decodeFloats, encodeFloats } from '../../schemas/layouts/floats.ts'
import { examples } from '../../schemas/topics.ts'
import { countReader } from '../../serving/view/count-view.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { attributionPolicy, joiner } from '../../streams/joiner/joiner.ts'
import { auc } from '../../trainers/evaluation/auc.ts'
import { logLoss } from '../../trainers/evaluation/log-loss.ts'
import type { TableFactory } from '../../trainers/model/initial-parameters.ts'
import type { ModelSpec } from '../../trainers/model/model-spec.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { onlineTrainer } from '../../trainers/online-trainer.ts'
import { countShard } from '../../trainers/parameter-server/count-shard.ts'
import { importWalk, type WalkedExample } from './import/import-walk.ts'
import type { KuairandFiles } from './import/kuairand-files.ts'
import { LockstepInput } from './import/lockstep-input.ts'

export interface EvaluationOptions {
  readonly files: KuairandFiles
  readonly spec: ModelSpec
  readonly features: FeatureSet
  readonly tableFactory: TableFactory
  /** Impressions before this are learned but not scored. */
  readonly scoreFromMs: number
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
  const { files, spec, features, tableFactory, intervalMs } = options
  const counter = countShard({ spec: countsSpec, featureSet: features, tableFactory, syncIntervalMs: intervalMs })
  const trainer = onlineTrainer({ spec, featureSet: features, tableFactory, syncIntervalMs: intervalMs })
  const learning = new LockstepInput(trainer, examples)
  const score = new Scoreboard(options.scoreFromMs)
  let shown: Example[] = []
  let joined: WalkedExample[] = []
  const walk = importWalk({
    features,
    joiner: joiner({ eventIdsMax: eventIdsMax }),
    counter,
    counts: countReader(counter.shard),
    onExample: (example) => joined.push(example),
  })
  for (const video of files.videos) walk.video(video)
  for (const user of files.users) walk.user(user)

  const closeInterval = (endMs: number): void => {
    const predictions = trainer.predict(shown)
    for (const [index, prediction] of predictions.entries()) score.predicted(shown[index]!, prediction!)
    for (const example of joined) {
      if (example.type === 'Example') score.joined(example)
      learning.step(example, example.userId)
    }
    learning.step({ type: 'Tick', eventTimeMs: endMs, receivedTimeMs: endMs }, null)
    walk.tick(endMs)
    shown = []
    joined = []
  }

  let intervalEndMs = Number.NEGATIVE_INFINITY
  let rows = 0
  for (const event of files.timeline('drop')) {
    const timeMs = event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
    if (timeMs >= intervalEndMs) {
      if (rows > 0) closeInterval(intervalEndMs)
      intervalEndMs = (Math.floor(timeMs / intervalMs) + 1) * intervalMs
    }
    if (event.kind === 'engagement') walk.engagement(event.record)
    else {
      shown.push(unlabelled(walk.impression(event)))
      if (++rows % progressEvery === 0) options.onProgress?.(rows, timeMs)
    }
  }
  closeInterval(intervalEndMs)
  return { rows, ...score.result() }
}

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
