// A learner whose parameters are a shard of this thread: rows are read and gradients applied by function call, batch by
// batch, so that the next batch sees what the last one taught.
import { heads } from '../schemas/labels.ts'
import type { FeatureSet } from '../streams/features/feature-set.ts'
import { denseOptimizersOf } from './dense-optimizers.ts'
import { type GradientSink, Learner } from './learner.ts'
import { initialDense, type TableFactory } from './model/initial-parameters.ts'
import { type ModelLayout, modelLayout } from './model/model-layout.ts'
import type { ModelSpec } from './model/model-spec.ts'
import { ParameterShard } from './parameter-server/parameter-shard.ts'
import type { TrainingRow } from './training-row.ts'
import type { VideoFrequencies } from './video-frequencies.ts'

export interface ShardLearnerOptions {
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  readonly tableFactory: TableFactory
  readonly bucket?: number
  readonly epoch?: number
  readonly rowsPerDeltaMax?: number
  readonly syncsPerDense?: number
}

/** What learning a batch gave. */
export interface Learned {
  /** What was predicted before, rows x heads. */
  readonly predictions: Float32Array
  /** Gradients of rows and of dense tensors that were no numbers or out of bounds, and were left out. */
  readonly nonFinite: number
}

/** Fills `out` with the values of rows (count x dimension), as ParameterShard.pull does. */
export type RowPull = (table: string, ids: BigUint64Array, count: number, out: Float32Array) => void

/** Rows predicted in one go. */
const predictRowsMax = 512

export class ShardLearner {
  readonly layout: ModelLayout
  readonly shard: ParameterShard
  readonly #learner: Learner
  readonly #ownRows: RowPull = (table, ids, count, out) => this.shard.pull(table, ids, count, out)

  /** Await denseCompute() first. Throws config-invalid where spec and feature set do not fit. */
  constructor(options: ShardLearnerOptions) {
    const { spec } = options
    const layout = modelLayout(spec, options.featureSet)
    const initial = initialDense(spec, layout)
    this.layout = layout
    this.shard = new ParameterShard({ ...options, dense: initial, denseOptimizerOf: denseOptimizersOf(spec) })
    this.#learner = new Learner({ spec, layout, initial, dense: this.shard.dense })
  }

  get frequencies(): VideoFrequencies {
    return this.#learner.frequencies
  }

  get exampleBatchRows(): number {
    return this.#learner.exampleBatchRows
  }

  set exampleBatchRows(rows: number) {
    this.#learner.exampleBatchRows = rows
  }

  /** rows x heads with the present weights (no fp16 rounding), or with rows from elsewhere; nothing changes. */
  predict(rows: readonly TrainingRow[], pull: RowPull = this.#ownRows): Float32Array {
    const out = new Float32Array(rows.length * heads.length)
    for (let from = 0; from < rows.length; from += predictRowsMax) {
      const part = rows.slice(from, from + predictRowsMax)
      this.#fill(part, pull)
      out.set(this.#learner.predict(part), from * heads.length)
    }
    return out
  }

  learn(rows: readonly TrainingRow[]): Learned {
    if (rows.length === 0) return { predictions: new Float32Array(0), nonFinite: 0 }
    this.#fill(rows, this.#ownRows)
    let nonFinite = 0
    const sink: GradientSink = {
      rows: ({ table, ids, count, values, eventTimesMs, occurrences, nonFinite: left }) => {
        const result = this.shard.push(table, ids, count, values, eventTimesMs, occurrences)
        nonFinite += left + result.nonFinite
      },
      dense: (name, gradient) => {
        if (!this.shard.pushDense(name, gradient)) nonFinite++
      },
    }
    const predictions = this.#learner.learn(rows, sink)
    return { predictions, nonFinite }
  }

  #fill(rows: readonly TrainingRow[], pull: RowPull): void {
    for (const { table, ids, count, values } of this.#learner.collect(rows)) pull(table, ids, count, values)
  }
}
