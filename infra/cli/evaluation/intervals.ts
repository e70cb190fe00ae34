// Predict before learning: all that is shown in one interval is predicted with the weights from before it, then what was joined
// in it is looked for, learned and counted. Corrections change what a row is scored against.
import type { Example, LabelCorrection } from '../../../schemas/generated.ts'
import { decodeFloats } from '../../../schemas/layouts/floats.ts'
import { examples } from '../../../schemas/topics.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { ScoredRows } from '../../../trainers/evaluation/scored-rows.ts'
import type { TableFactory } from '../../../trainers/model/initial-parameters.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import { type OnlineTrainer, onlineTrainer } from '../../../trainers/online-trainer.ts'
import type { RowPull } from '../../../trainers/shard-learner.ts'
import type { HydratedPage, WalkedExample } from '../import/import-walk.ts'
import { LockstepInput } from '../import/lockstep-input.ts'
import type { Familiarity } from './familiarity.ts'
import { type RetrievalOptions, RetrievalRun } from './retrieval-run.ts'
import type { RetrievalReport } from './retrieval-tally.ts'

export interface ModelOptions {
  readonly spec: ModelSpec
  readonly features: FeatureSet
  readonly tableFactory: TableFactory
  /** Impressions before this are learned but not scored. */
  readonly scoreFromMs: number
  /** A day begins at midnight so far ahead of UTC. */
  readonly utcOffsetMs: number
  /** Null: not measured. */
  readonly retrieval: RetrievalOptions | null
}

/** An impression with what is known when it is shown; `frozen` under the user's view as of the start of the day. */
export interface ShownExample {
  readonly example: Example
  readonly familiarity: Familiarity
  readonly frozen: HydratedPage | null
}

interface Predicted {
  readonly familiarity: Familiarity
  readonly predictions: Float32Array
  readonly frozen: Float32Array | null
}

const dayMs = 86_400_000

export class Intervals {
  readonly rows = new ScoredRows()
  readonly trainer: OnlineTrainer
  readonly #scoreFromMs: number
  readonly #learning: LockstepInput
  readonly #retrieval: RetrievalRun | null
  readonly #predictedById = new Map<string, Predicted>()
  /** Of the examples that were scored this day and the day before: a correction comes within 24 hours of its page. */
  #rowById = new Map<string, number>()
  #rowByIdBefore: ReadonlyMap<string, number> = new Map()
  #shown: ShownExample[] = []
  #joined: WalkedExample[] = []

  /** Await denseCompute() first. Throws config-invalid where spec and feature set do not fit. */
  constructor({ spec, features, tableFactory, scoreFromMs, retrieval }: ModelOptions) {
    this.#scoreFromMs = scoreFromMs
    // Nobody follows this trainer: a delta a day is as good as none.
    this.trainer = onlineTrainer({ spec, featureSet: features, tableFactory, syncIntervalMs: dayMs })
    this.#learning = new LockstepInput(this.trainer, examples)
    const parameters = this.trainer.shard
    this.#retrieval = retrieval && new RetrievalRun({ ...retrieval, spec, features, parameters, scoreFromMs })
  }

  /** Whether an impression of that time is scored. */
  isScored(timeMs: number): boolean {
    return timeMs >= this.#scoreFromMs
  }

  startDay(): void {
    this.#rowByIdBefore = this.#rowById
    this.#rowById = new Map()
    this.#retrieval?.startDay()
  }

  shown(shown: ShownExample): void {
    this.#retrieval?.shown(shown.example)
    if (this.isScored(shown.example.impressionTimeMs)) this.#shown.push(shown)
  }

  joined(example: WalkedExample): void {
    this.#joined.push(example)
  }

  /** `frozenRows` gives the rows under which frozen pages are predicted. */
  close(endMs: number, frozenRows?: RowPull): void {
    this.#predict(frozenRows)
    const first = this.#joined.filter((example): example is Example => example.type === 'Example')
    for (const example of this.#joined) {
      if (example.type === 'Example') this.#score(example)
      else this.#rescore(example)
    }
    this.#retrieval?.close(first, endMs)
    for (const example of this.#joined) this.#learning.step(example, example.userId)
    this.#learning.step({ type: 'Tick', eventTimeMs: endMs, receivedTimeMs: endMs }, null)
    this.#joined = []
  }

  retrieved(resamples: number, seed: number): RetrievalReport | null {
    const report = this.#retrieval?.result(resamples, seed) ?? null
    this.#retrieval?.dispose()
    return report
  }

  #predict(frozenRows: RowPull | undefined): void {
    const shown = this.#shown
    this.#shown = []
    const predictions = this.trainer.predict(shown.map(({ example }) => example))
    const withFrozen = shown.filter(({ frozen }) => frozen !== null)
    const frozen = this.trainer.predict(
      withFrozen.map(({ example, frozen }) => ({ ...example, ...frozen })),
      frozenRows,
    )
    const frozenById = new Map(withFrozen.map(({ example }, index) => [example.exampleId, frozen[index]!]))
    for (const [index, { example, familiarity }] of shown.entries()) {
      const prediction = predictions[index]
      if (!prediction) continue
      const { exampleId } = example
      const entry = { familiarity, predictions: prediction, frozen: frozenById.get(exampleId) ?? null }
      this.#predictedById.set(exampleId, entry)
    }
  }

  #score(example: Example): void {
    const predicted = this.#predictedById.get(example.exampleId)
    if (!predicted) return
    this.#predictedById.delete(example.exampleId)
    const { familiarity, predictions, frozen } = predicted
    const { userId, videoId, requestId, impressionTimeMs: timeMs } = example
    const labels = decodeFloats(example.labels)
    this.#rowById.set(example.exampleId, this.rows.length)
    this.rows.add({ userId, videoId, requestId, timeMs, predictions, frozen, labels, ...familiarity })
  }

  #rescore({ exampleId, after }: LabelCorrection): void {
    const row = this.#rowById.get(exampleId) ?? this.#rowByIdBefore.get(exampleId)
    if (row !== undefined) this.rows.relabel(row, decodeFloats(after))
  }
}
