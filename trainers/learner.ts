// One model learning batch by batch: predicts a batch, then learns it, whoever owns the parameters. It names the rows that a
// batch needs, takes their values as they were filled in, and hands the gradients on. Deterministic: equal parameters, draws
// and batches give equal bytes on one backend and build.
import * as tf from '@tensorflow/tfjs-core'
import { type Head, heads } from '../schemas/labels.ts'
import { DenseTensors } from './model/dense-tensors.ts'
import { writeDense } from './model/embedding-input.ts'
import { inTidy } from './model/in-tidy.ts'
import { type BatchLabels, headLoss, retrievalLoss } from './model/losses.ts'
import type { DenseParameter } from './model/model.ts'
import type { InputLayout, ModelLayout } from './model/model-layout.ts'
import type { ModelSpec } from './model/model-spec.ts'
import {
  type RankerActivations,
  type RankerWeights,
  rankerBackward,
  rankerForward,
  rankerWeights,
} from './model/ranker.ts'
import { toPredictions } from './model/scorer.ts'
import { type TowerActivations, type TowerWeights, towerBackward, towerForward, towerWeights } from './model/towers.ts'
import { type RowGradients, type SidePair, TableBatch } from './table-batch.ts'
import type { TrainingRow } from './training-row.ts'
import { VideoFrequencies } from './video-frequencies.ts'

export interface LearnerOptions {
  readonly spec: ModelSpec
  readonly layout: ModelLayout
  /** Followed while it changes; names that are not there yet come from `initial`. */
  readonly dense: ReadonlyMap<string, DenseParameter>
  readonly initial: ReadonlyMap<string, DenseParameter>
}

/** Takes a batch's gradients in a fixed order. Arrays are good during the call. */
export interface GradientSink {
  rows(gradients: RowGradients): void
  dense(name: string, gradient: Float32Array): void
}

interface Inputs {
  readonly ranker: SidePair<Float32Array>
  readonly towers: SidePair<Float32Array>
}

interface Forward {
  readonly weights: RankerWeights
  readonly activations: RankerActivations
  readonly towerWeights: SidePair<TowerWeights>
  readonly towers: SidePair<TowerActivations>
}

export class Learner {
  readonly frequencies: VideoFrequencies
  readonly #layout: ModelLayout
  readonly #spec: ModelSpec
  readonly #tensors: DenseTensors
  readonly #rankerTables: readonly TableBatch[]
  readonly #towerTable: TableBatch
  readonly #tables: readonly TableBatch[]
  readonly #positiveHeads: readonly number[]

  /** Await denseCompute() first. */
  constructor({ spec, layout, dense, initial }: LearnerOptions) {
    const towers = spec.towers!
    this.#spec = spec
    this.#layout = layout
    this.frequencies = new VideoFrequencies(towers.frequency)
    this.#tensors = new DenseTensors(dense, initial)
    const { query, entry } = layout.ranker
    const names = new Set([...query.tables, ...entry.tables].map(({ table }) => table))
    this.#rankerTables = [...names].map((name) => new TableBatch(name, query, entry))
    this.#towerTable = new TableBatch(towers.table, layout.towers.query, layout.towers.entry)
    this.#tables = [...this.#rankerTables, this.#towerTable]
    this.#positiveHeads = towers.positives.map((name) => heads.indexOf(name as Head))
  }

  /** The rows that these need, table by table: fill in their values, then predict or learn the same rows. A table may be
   *  there twice, for the ranker and for the towers. */
  collect(rows: readonly TrainingRow[]): readonly TableBatch[] {
    for (const table of this.#tables) table.collect(rows)
    return this.#tables
  }

  /** rows x heads with the values filled in (no fp16 rounding); nothing changes. */
  predict(rows: readonly TrainingRow[]): Float32Array {
    const inputs = this.#read(rows)
    return toPredictions(inTidy(() => this.#forward(rows, inputs).activations.logits.dataSync()) as Float32Array)
  }

  /** Learns the rows collected last; returns what was predicted before, rows x heads. */
  learn(rows: readonly TrainingRow[], sink: GradientSink): Float32Array {
    for (const row of rows) if (row.isFirst) this.frequencies.draw(row.videoId)
    const inputs = this.#read(rows)
    const eventTimesMs = Float64Array.from(rows, (row) => row.eventTimeMs)
    return inTidy(() => {
      const forward = this.#forward(rows, inputs)
      const logits = forward.activations.logits.dataSync() as Float32Array
      this.#learnHeads(rows, forward, logits, eventTimesMs, sink)
      this.#learnTowers(rows, forward, eventTimesMs, sink)
      return toPredictions(logits)
    })
  }

  #read(rows: readonly TrainingRow[]): Inputs {
    const empty = (layout: InputLayout) => new Float32Array(rows.length * layout.columns)
    const sidesOf = ({ query, entry }: SidePair<InputLayout>) => ({ query: empty(query), entry: empty(entry) })
    const { ranker: rankerLayout, towers: towersLayout } = this.#layout
    const [ranker, towers] = [sidesOf(rankerLayout), sidesOf(towersLayout)]
    for (const table of this.#rankerTables) table.pool(rows.length, ranker)
    this.#towerTable.pool(rows.length, towers)
    for (const side of ['query', 'entry'] as const) {
      const own = rows.map((row) => row[side])
      writeDense(rankerLayout[side], own, ranker[side])
      writeDense(towersLayout[side], own, towers[side])
    }
    return { ranker, towers }
  }

  #forward(rows: readonly TrainingRow[], inputs: Inputs): Forward {
    const layout = this.#layout
    const rowCount = rows.length
    const tower = (side: 'query' | 'entry', weights: TowerWeights) =>
      towerForward(weights, tf.tensor2d(inputs.towers[side], [rowCount, layout.towers[side].columns]))
    const weightsOf = { query: towerWeights(this.#tensors, 'query'), entry: towerWeights(this.#tensors, 'entry') }
    const towers = { query: tower('query', weightsOf.query), entry: tower('entry', weightsOf.entry) }
    const similarities = tf.sum(tf.mul(towers.query.vectors, towers.entry.vectors), 1).dataSync()
    const { entry, similarityColumn } = layout.ranker
    for (let rowIndex = 0; rowIndex < rowCount; rowIndex++) {
      inputs.ranker.entry[rowIndex * entry.columns + similarityColumn] =
        rows[rowIndex]!.similarity ?? similarities[rowIndex]!
    }
    const weights = rankerWeights(this.#tensors, this.#spec.ranker!.hidden.length)
    const activations = rankerForward(weights, layout.ranker, { ...inputs.ranker, rowCount })
    return { weights, activations, towerWeights: weightsOf, towers }
  }

  #learnHeads(
    rows: readonly TrainingRow[],
    { weights, activations }: Forward,
    logits: Float32Array,
    eventTimesMs: Float64Array,
    sink: GradientSink,
  ): void {
    const gradient = new Float32Array(logits.length)
    headLoss(logits, labelsOf(rows), gradient)
    const above = tf.tensor2d(gradient, [rows.length, heads.length])
    const back = rankerBackward(weights, this.#layout.ranker, activations, above)
    for (const table of this.#rankerTables) sink.rows(table.gradients(rows.length, back, eventTimesMs))
    for (const [name, gradient] of back.dense) sink.dense(name, gradient)
  }

  #learnTowers(rows: readonly TrainingRow[], forward: Forward, eventTimesMs: Float64Array, sink: GradientSink): void {
    const weights = Float32Array.from(
      rows,
      (row) => row.weight * (this.#isPositive(row.after) - this.#isPositive(row.before)),
    )
    if (weights.every((weight) => weight === 0)) return
    const { query, entry } = forward.towers
    const similarities = floats(tf.matMul(query.vectors, tf.transpose(entry.vectors)))
    const gradient = new Float32Array(similarities.length)
    const videoIds = BigUint64Array.from(rows, (row) => row.videoId)
    const logFrequencies = Float64Array.from(rows, (row) => this.frequencies.logFrequency(row.videoId))
    retrievalLoss(similarities, this.#spec.towers!.temperature, weights, logFrequencies, videoIds, gradient)
    const above = tf.tensor2d(gradient, [rows.length, rows.length])
    const queryBack = towerBackward(forward.towerWeights.query, 'query', query, tf.matMul(above, entry.vectors))
    const entryAbove = tf.matMul(tf.transpose(above), query.vectors) as tf.Tensor2D
    const entryBack = towerBackward(forward.towerWeights.entry, 'entry', entry, entryAbove)
    const sides = { query: floats(queryBack.input), entry: floats(entryBack.input) }
    sink.rows(this.#towerTable.gradients(rows.length, sides, eventTimesMs))
    for (const [name, tensor] of [...queryBack.dense, ...entryBack.dense]) sink.dense(name, floats(tensor))
  }

  #isPositive(labels: Float32Array): number {
    return this.#positiveHeads.some((head) => labels[head] === 1) ? 1 : 0
  }
}

function labelsOf(rows: readonly TrainingRow[]): BatchLabels {
  const after = new Float32Array(rows.length * heads.length)
  const before = new Float32Array(rows.length * heads.length)
  for (const [rowIndex, row] of rows.entries()) {
    after.set(row.after, rowIndex * heads.length)
    before.set(row.before, rowIndex * heads.length)
  }
  return { after, before, weights: Float32Array.from(rows, (row) => row.weight) }
}

function floats(tensor: tf.Tensor): Float32Array {
  return tensor.dataSync() as Float32Array
}
