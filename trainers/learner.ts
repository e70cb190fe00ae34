// One model learning batch by batch: predicts a batch, then learns it, whoever owns the parameters. It names the rows that a
// batch needs, takes their values as they were filled in, and hands the gradients on. Deterministic: equal parameters, draws
// and batches give equal bytes on one driver.
import { type Head, heads } from '../schemas/labels.ts'
import { threadDriver } from './model/compute.ts'
import { writeDense } from './model/embedding-input.ts'
import { type BatchLabels, headLoss } from './model/losses.ts'
import type { DenseParameter } from './model/model.ts'
import type { InputLayout, ModelLayout } from './model/model-layout.ts'
import type { ModelSpec } from './model/model-spec.ts'
import { type DenseNetwork, denseNetwork } from './model/network/dense-network.ts'
import { rankerNetwork } from './model/ranker.ts'
import { groupNumbers, RetrievalGradient } from './model/retrieval-gradient.ts'
import { toPredictions } from './model/scorer.ts'
import { towersNetwork } from './model/towers.ts'
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

/** What the networks gave; good until they compute again. */
interface Forward {
  /** rows x heads. */
  readonly logits: Float32Array
  /** Of the towers, rows x dimension. */
  readonly vectors: SidePair<Float32Array>
}

export class Learner {
  readonly frequencies: VideoFrequencies
  /** Rows of the last batch that held an example, part of a trainer's state: a batch of nothing but corrections, which may be a
   *  single one, counts as so many at least. So a correction weighs about what its example did. */
  exampleBatchRows = 0
  readonly #layout: ModelLayout
  readonly #spec: ModelSpec
  readonly #ranker: DenseNetwork
  readonly #towers: DenseNetwork
  readonly #retrieval: RetrievalGradient
  readonly #rankerTables: readonly TableBatch[]
  readonly #towerTable: TableBatch
  readonly #tables: readonly TableBatch[]
  readonly #rankerInputs: InputMatrices
  readonly #towerInputs: InputMatrices
  readonly #positiveHeads: readonly number[]

  /** Computes on this thread's driver. */
  constructor({ spec, layout, dense, initial }: LearnerOptions) {
    const towers = spec.towers!
    this.#spec = spec
    this.#layout = layout
    this.#rankerInputs = new InputMatrices(layout.ranker)
    this.#towerInputs = new InputMatrices(layout.towers)
    this.frequencies = new VideoFrequencies(towers.frequency)
    const base = { driver: threadDriver(), dense, initial }
    this.#ranker = denseNetwork({ ...base, spec: rankerNetwork(spec.ranker!, layout.ranker) })
    this.#towers = denseNetwork({ ...base, spec: towersNetwork(towers, layout.towers) })
    this.#retrieval = new RetrievalGradient(base.driver)
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
    return toPredictions(this.#forward(rows, this.#read(rows)).logits)
  }

  /** Learns the rows collected last; returns what was predicted before, rows x heads. */
  learn(rows: readonly TrainingRow[], sink: GradientSink): Float32Array {
    for (const row of rows) if (row.isFirst) this.frequencies.draw(row.videoId)
    const hasExample = rows.some(({ isFirst }) => isFirst)
    if (hasExample) this.exampleBatchRows = rows.length
    const size = hasExample ? rows.length : Math.max(rows.length, this.exampleBatchRows)
    const eventTimesMs = Float64Array.from(rows, (row) => row.eventTimeMs)
    const { logits, vectors } = this.#forward(rows, this.#read(rows))
    const predictions = toPredictions(logits)
    this.#learnHeads(rows, size, logits, eventTimesMs, sink)
    this.#learnTowers(rows, size, vectors, eventTimesMs, sink)
    return predictions
  }

  #read(rows: readonly TrainingRow[]): Inputs {
    const { ranker: rankerLayout, towers: towersLayout } = this.#layout
    const [ranker, towers] = [this.#rankerInputs.of(rows.length), this.#towerInputs.of(rows.length)]
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
    const { entry, similarityColumn } = this.#layout.ranker
    const { towers, ranker } = inputs
    const [queries, entries, similarities] = this.#towers.forward([towers.query, towers.entry], rows.length)
    for (let rowIndex = 0; rowIndex < rows.length; rowIndex++) {
      ranker.entry[rowIndex * entry.columns + similarityColumn] = rows[rowIndex]!.similarity ?? similarities![rowIndex]!
    }
    const [logits] = this.#ranker.forward([ranker.query, ranker.entry], rows.length)
    return { logits: logits!, vectors: { query: queries!, entry: entries! } }
  }

  #learnHeads(
    rows: readonly TrainingRow[],
    size: number,
    logits: Float32Array,
    eventTimesMs: Float64Array,
    sink: GradientSink,
  ): void {
    const gradient = new Float32Array(logits.length)
    headLoss(logits, { ...labelsOf(rows), size }, gradient)
    const { inputs, dense } = this.#ranker.backward([gradient])
    const sides = { query: inputs[0]!, entry: inputs[1]! }
    for (const table of this.#rankerTables) sink.rows(table.gradients(rows.length, sides, eventTimesMs))
    for (const [name, own] of dense) sink.dense(name, own)
  }

  #learnTowers(
    rows: readonly TrainingRow[],
    size: number,
    vectors: SidePair<Float32Array>,
    eventTimesMs: Float64Array,
    sink: GradientSink,
  ): void {
    const scale = 1 / Math.sqrt(size)
    const weights = Float32Array.from(
      rows,
      (row) => scale * row.weight * (this.#isPositive(row.after) - this.#isPositive(row.before)),
    )
    if (weights.every((weight) => weight === 0)) return
    const { temperature, dimension, frequency } = this.#spec.towers!
    // The prior is in the logit and the correction takes log Q off again: what is not prior is left.
    const corrected = 1 - (frequency.prior ?? 0)
    const above = this.#retrieval.of(vectors.query, vectors.entry, dimension, {
      temperature,
      weights,
      logFrequencies: Float32Array.from(rows, (row) => corrected * this.frequencies.logFrequency(row.videoId)),
      groups: groupNumbers(BigUint64Array.from(rows, (row) => row.videoId)),
    })
    const { inputs, dense } = this.#towers.backward([above.query, above.entry, null])
    const sides = { query: inputs[0]!, entry: inputs[1]! }
    sink.rows(this.#towerTable.gradients(rows.length, sides, eventTimesMs))
    for (const [name, own] of dense) sink.dense(name, own)
  }

  #isPositive(labels: Float32Array): number {
    return this.#positiveHeads.some((head) => labels[head] === 1) ? 1 : 0
  }
}

/** Memory of both sides' inputs, the same from batch to batch: every column is written each time. */
class InputMatrices {
  readonly #layouts: SidePair<InputLayout>
  #floats: SidePair<Float32Array> = { query: new Float32Array(0), entry: new Float32Array(0) }
  #rowsMax = 0

  constructor(layouts: SidePair<InputLayout>) {
    this.#layouts = layouts
  }

  of(rowCount: number): SidePair<Float32Array> {
    const { query, entry } = this.#layouts
    if (rowCount > this.#rowsMax) {
      this.#rowsMax = 2 ** Math.ceil(Math.log2(rowCount))
      const room = ({ columns }: InputLayout) => new Float32Array(this.#rowsMax * columns)
      this.#floats = { query: room(query), entry: room(entry) }
    }
    return {
      query: this.#floats.query.subarray(0, rowCount * query.columns),
      entry: this.#floats.entry.subarray(0, rowCount * entry.columns),
    }
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
