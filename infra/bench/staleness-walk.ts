// One pass over a log, learned second by second; beside the weights as they are stand copies that are renewed at the multiples of
// a staleness only. Every impression is predicted by all of them before its outcome is learned.
import type { Example } from '../../schemas/generated.ts'
import type { Head } from '../../schemas/labels.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { examples } from '../../schemas/topics.ts'
import { countReader } from '../../serving/view/count-view.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { joiner } from '../../streams/joiner/joiner.ts'
import { NumberedNames } from '../../trainers/evaluation/scored-rows.ts'
import type { TableFactory } from '../../trainers/model/initial-parameters.ts'
import { modelLayout } from '../../trainers/model/model-layout.ts'
import type { ModelSpec } from '../../trainers/model/model-spec.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { onlineTrainer } from '../../trainers/online-trainer.ts'
import { countShard } from '../../trainers/parameter-server/count-shard.ts'
import { unlabelled } from '../cli/evaluation/evaluate-import.ts'
import { FamiliarityLedger } from '../cli/evaluation/familiarity.ts'
import { importWalk, type WalkedExample } from '../cli/import/import-walk.ts'
import type { ImportedImpression } from '../cli/import/imported-events.ts'
import type { ImportedFiles } from '../cli/import/imported-files.ts'
import { LockstepInput } from '../cli/import/lockstep-input.ts'
import { drainTouched, FrozenCopy } from './staleness-copy.ts'
import { headColumns, StaleModel, type StalenessArm, writeHeads } from './staleness-model.ts'

export const learnEveryMs = 1_000
const dayMs = 86_400_000

export interface StalenessOptions {
  readonly files: Pick<ImportedFiles, 'rowCount' | 'users' | 'videos' | 'timeline'>
  readonly spec: ModelSpec
  readonly features: FeatureSet
  readonly tableFactory: TableFactory
  /** Above learnEveryMs; which all impressions are predicted with as well. */
  readonly stalenessesMs: readonly number[]
  /** Multiples are counted from midnight of clocks so far ahead of UTC. */
  readonly utcOffsetMs: number
  readonly impressionsMax: number
  onProgress?(impressions: number, eventTimeMs: number): void
}

export interface StalenessScores {
  /** The first one is of weights that are never older than learnEveryMs. */
  readonly arms: readonly StalenessArm[]
  readonly rows: number
  readonly userCount: number
  readonly users: Int32Array
  readonly timesMs: Float64Array
  /** Since the user was last shown something or did something. */
  readonly sinceUserSeenMs: Float64Array
  /** NaN where no outcome was joined. */
  readonly labels: ReadonlyMap<Head, Float32Array>
}

/** Await denseCompute() first. */
export function stalenessScores(options: StalenessOptions): StalenessScores {
  const { files, features, spec, tableFactory, utcOffsetMs } = options
  const layout = modelLayout(spec, features)
  const trainer = onlineTrainer({ spec, featureSet: features, tableFactory, syncIntervalMs: dayMs })
  const counter = countShard({ spec: countsSpec, featureSet: features, tableFactory, syncIntervalMs: dayMs })
  const learning = new LockstepInput(trainer, examples)
  const rowsMax = Math.min(files.rowCount, options.impressionsMax)
  const labels = headColumns(rowsMax)
  const live: StalenessArm = { stalenessMs: learnEveryMs, countsFrozen: false, predictions: headColumns(rowsMax) }
  const models = options.stalenessesMs.map((stalenessMs) => {
    const weights = new FrozenCopy(trainer.shard, tableFactory)
    const counts = new FrozenCopy(counter.shard, tableFactory)
    return new StaleModel({ stalenessMs, spec, layout, weights, counts, rowsMax })
  })
  const joined: WalkedExample[] = []
  const walk = importWalk({
    features,
    joiner: joiner({ eventIdsMax: 2_000_000, pagesMax: 200_000 }),
    counter,
    counts: countReader(counter.shard),
    onExample: (example) => joined.push(example),
  })
  for (const video of files.videos) walk.video(video)
  for (const user of files.users) walk.user(user)

  const userNames = new NumberedNames()
  const familiarity = new FamiliarityLedger()
  const users = new Int32Array(rowsMax)
  const timesMs = new Float64Array(rowsMax)
  const sinceUserSeenMs = new Float64Array(rowsMax)
  const rowByExample = new Map<string, number>()
  let shown: { readonly row: number; readonly example: Example }[] = []
  let rows = 0

  const show = (impression: ImportedImpression): void => {
    const { userId, videoId, impressionTimeMs } = impression
    const row = rows++
    // What is hydrated from frozen counts sees the history as it is.
    const history = walk.historyOf(userId)
    const frozen = models.map((model) => walk.hydrate(impression, { history, counts: model.counts.counts }))
    const example = unlabelled(walk.impression(impression))
    for (const [index, model] of models.entries()) model.shown(row, example, frozen[index]!)
    rowByExample.set(example.exampleId, row)
    shown.push({ row, example })
    users[row] = userNames.numberOf(userId)
    timesMs[row] = impressionTimeMs
    sinceUserSeenMs[row] = familiarity.shown(userId, videoId, impressionTimeMs).sinceUserSeenMs
  }

  const learn = (endMs: number): void => {
    const predictions = trainer.predict(shown.map(({ example }) => example))
    for (const [index, { row }] of shown.entries()) writeHeads(live.predictions, row, predictions[index]!)
    shown = []
    walk.tick(endMs)
    for (const example of joined) {
      const row = rowByExample.get(example.exampleId)
      if (example.type === 'Example' && row !== undefined) writeHeads(labels, row, decodeFloats(example.labels))
      learning.step(example, example.userId)
    }
    joined.length = 0
    learning.step({ type: 'Tick', eventTimeMs: endMs, receivedTimeMs: endMs }, null)
  }

  /** Before anything of this time is seen. */
  const renew = (atMs: number): void => {
    const due = models.filter((model) => model.isDue(atMs + utcOffsetMs))
    if (due.length === 0) return
    const [weights, counts] = [drainTouched(trainer.shard), drainTouched(counter.shard)]
    for (const model of models) {
      model.weights.touched(weights)
      model.counts.touched(counts)
    }
    for (const model of due) model.renew(atMs + utcOffsetMs)
  }

  let endMs = Number.NEGATIVE_INFINITY
  for (const event of files.timeline('drop')) {
    const atMs = event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
    if (atMs >= endMs) {
      if (endMs > 0) learn(endMs)
      renew(atMs)
      endMs = (Math.floor(atMs / learnEveryMs) + 1) * learnEveryMs
    }
    if (event.kind === 'impression') {
      if (rows === rowsMax) break
      show(event)
      if (rows % 2_000 === 0) options.onProgress?.(rows, atMs)
    } else {
      familiarity.acted(event.record.userId, atMs)
      walk.engagement(event.record)
    }
  }
  learn(endMs)
  for (const model of models) model.predict()
  const arms = [live, ...models.flatMap((model) => model.arms)]
  return { arms, rows, userCount: userNames.names.length, users, timesMs, sinceUserSeenMs, labels }
}
