// A model of a certain age: weights and counts of the last multiple of a staleness, and what they predict of every impression.
import type { Example } from '../../schemas/generated.ts'
import { type Head, headIndex, heads } from '../../schemas/labels.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { Learner } from '../../trainers/learner.ts'
import { initialDense } from '../../trainers/model/initial-parameters.ts'
import type { ModelLayout } from '../../trainers/model/model-layout.ts'
import type { ModelSpec } from '../../trainers/model/model-spec.ts'
import { type TrainingRow, trainingRow } from '../../trainers/training-row.ts'
import type { HydratedPage } from '../cli/import/import-walk.ts'
import type { FrozenCopy } from './staleness-copy.ts'

export const judgedHeads: readonly Head[] = ['longView', 'like']

/** What weights of one age predicted, by head, row by row. */
export interface StalenessArm {
  readonly stalenessMs: number
  /** Whether the running counts among the features were of that age, too. */
  readonly countsFrozen: boolean
  readonly predictions: ReadonlyMap<Head, Float32Array>
}

export interface StaleModelOptions {
  readonly stalenessMs: number
  readonly spec: ModelSpec
  readonly layout: ModelLayout
  readonly weights: FrozenCopy
  readonly counts: FrozenCopy
  readonly rowsMax: number
}

export class StaleModel {
  readonly weights: FrozenCopy
  readonly counts: FrozenCopy
  readonly arms: readonly [StalenessArm, StalenessArm]
  readonly #stalenessMs: number
  readonly #layout: ModelLayout
  readonly #learner: Learner
  /** Wait to be predicted together: the weights are the same until they are renewed. */
  #waiting: { readonly arm: StalenessArm; readonly row: number; readonly features: TrainingRow }[] = []
  #multiple = Number.NEGATIVE_INFINITY

  constructor({ stalenessMs, spec, layout, weights, counts, rowsMax }: StaleModelOptions) {
    this.weights = weights
    this.counts = counts
    this.#stalenessMs = stalenessMs
    this.#layout = layout
    this.#learner = new Learner({ spec, layout, dense: weights.dense, initial: initialDense(spec, layout) })
    const armOf = (countsFrozen: boolean) => ({ stalenessMs, countsFrozen, predictions: headColumns(rowsMax) })
    this.arms = [armOf(false), armOf(true)]
  }

  shown(row: number, example: Example, frozen: HydratedPage): void {
    const [countsLive, countsFrozen] = this.arms
    this.#waiting.push({ arm: countsLive, row, features: this.#read(example) })
    this.#waiting.push({ arm: countsFrozen, row, features: this.#read({ ...example, ...frozen }) })
    if (this.#waiting.length >= waitingMax) this.predict()
  }

  isDue(timeMs: number): boolean {
    return Math.floor(timeMs / this.#stalenessMs) > this.#multiple
  }

  renew(timeMs: number): void {
    this.predict()
    this.weights.renew()
    this.counts.renew()
    this.#multiple = Math.floor(timeMs / this.#stalenessMs)
  }

  predict(): void {
    for (let from = 0; from < this.#waiting.length; from += waitingMax) {
      const part = this.#waiting.slice(from, from + waitingMax)
      const rows = part.map(({ features }) => features)
      for (const { table, ids, count, values } of this.#learner.collect(rows)) {
        this.weights.pull(table, ids, count, values)
      }
      const predictions = this.#learner.predict(rows)
      for (const [index, { arm, row }] of part.entries()) {
        writeHeads(arm.predictions, row, predictions.subarray(index * heads.length, (index + 1) * heads.length))
      }
    }
    this.#waiting = []
  }

  #read(example: Example): TrainingRow {
    const row = trainingRow(example, this.#layout)
    assert(!('rejected' in row), 'what was hydrated fits the model')
    return row
  }
}

const waitingMax = 512

/** A column for each judged head, nothing in it yet. */
export function headColumns(rows: number): ReadonlyMap<Head, Float32Array> {
  return new Map(judgedHeads.map((head) => [head, new Float32Array(rows).fill(Number.NaN)]))
}

/** `values` in the order of the heads. */
export function writeHeads(byHead: ReadonlyMap<Head, Float32Array>, row: number, values: Float32Array): void {
  for (const [head, column] of byHead) column[row] = values[headIndex[head]]!
}
