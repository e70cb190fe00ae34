// One training step of the bench's model: the trainer's own tables, network, losses and optimizers, without features and towers.
import { heads } from '../../schemas/labels.ts'
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { writeDense } from '../../trainers/model/embedding-input.ts'
import { type BatchLabels, headLoss } from '../../trainers/model/losses.ts'
import type { DenseParameter } from '../../trainers/model/model.ts'
import type { InputLayout } from '../../trainers/model/model-layout.ts'
import { type DenseNetwork, denseNetwork, type NetworkSpec } from '../../trainers/model/network/dense-network.ts'
import type { AnyLayerSpec } from '../../trainers/model/network/layers.ts'
import type { ComputeDriver } from '../../trainers/model/network/matrix-arena.ts'
import { DenseParameters } from '../../trainers/parameter-server/dense-parameters.ts'
import type { Table } from '../../trainers/table/table.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { type SidePair, TableBatch } from '../../trainers/table-batch.ts'

export const benchModel = { slots: 20, dimension: 16, dense: 16, hidden: [256, 128, 64] } as const

/** As the trainer has it: ids and dense values on the entry's side, nothing on the query's. */
export type BenchRow = SidePair<FeatureRow>

export interface BenchBatch {
  readonly rows: readonly BenchRow[]
  readonly labels: BatchLabels
}

const { slots, dimension, dense: denseCount, hidden } = benchModel
const tableName = 'rows'

const entryLayout: InputLayout = {
  tables: [
    {
      table: tableName,
      dimension,
      idsPerRow: slots,
      blocks: Array.from({ length: slots }, (_, slot) => {
        return { slot: `slot${slot}`, start: slot, width: 1, column: slot * dimension }
      }),
    },
  ],
  slotCount: slots,
  dimension,
  denseSources: Int32Array.from({ length: denseCount }, (_, index) => index),
  denseColumn: slots * dimension,
  columns: slots * dimension + denseCount,
}
const queryLayout: InputLayout = {
  ...entryLayout,
  tables: [],
  slotCount: 0,
  denseSources: new Int32Array(0),
  denseColumn: 0,
  columns: 0,
}

function networkSpec(): NetworkSpec {
  const { columns, denseColumn } = entryLayout
  const linear = (index: number, inputs: readonly string[], width: number, rectified: number): AnyLayerSpec => {
    const weights = `weights.${index}`
    return {
      kind: 'linear',
      name: `hidden.${index}`,
      inputs,
      weights,
      bias: `bias.${index}`,
      columns: width,
      rectified,
    }
  }
  return {
    inputs: [{ name: 'x', columns, learned: denseColumn }],
    layers: [
      { kind: 'columns', name: 'slots', inputs: ['x'], from: 0, to: denseColumn },
      { kind: 'columns', name: 'dense', inputs: ['x'], from: denseColumn, to: columns },
      linear(0, ['slots', 'dense'], hidden[0], hidden[0]),
      ...hidden.slice(1).map((width, index) => linear(index + 1, [`hidden.${index}`], width, width)),
      linear(hidden.length, [`hidden.${hidden.length - 1}`], heads.length, 0),
    ],
    outputs: [`hidden.${hidden.length}`],
  }
}

function initialOf(random: () => number): Map<string, DenseParameter> {
  const widths = [entryLayout.columns, ...hidden, heads.length]
  const out = new Map<string, DenseParameter>()
  for (const [index, to] of widths.slice(1).entries()) {
    const from = widths[index]!
    const values = Float32Array.from({ length: from * to }, () => (2 * random() - 1) / Math.sqrt(from))
    out.set(`weights.${index}`, { name: `weights.${index}`, shape: [from, to], values })
    out.set(`bias.${index}`, { name: `bias.${index}`, shape: [to], values: new Float32Array(to) })
  }
  return out
}

export class TrainStep {
  readonly #table: Table
  readonly #dense: DenseParameters
  readonly #network: DenseNetwork
  readonly #batch = new TableBatch(tableName, queryLayout, entryLayout)
  #x = new Float32Array(0)
  #logits: Float32Array = new Float32Array(0)
  #ofInput: Float32Array = new Float32Array(0)
  #ofTensors: ReadonlyMap<string, Float32Array> = new Map()

  constructor(driver: ComputeDriver, rowsMax: number, random: () => number) {
    const optimizer = { kind: 'adagrad', learningRate: 0.05, initialAccumulator: 0.1, epsilon: 1e-10 } as const
    this.#table = wasmTable({ name: tableName, dimension, optimizer, initialScale: 0.01, seed: 1, rowsMax })
    const initial = initialOf(random)
    this.#dense = new DenseParameters(initial, () => ({ learningRate: 0.01, initialAccumulator: 0.01 }))
    this.#network = denseNetwork({ driver, spec: networkSpec(), dense: this.#dense.parameters, initial })
  }

  run(batch: BenchBatch): void {
    this.pull(batch)
    this.forward(batch)
    this.backward(batch)
    this.push(batch)
  }

  pull({ rows }: BenchBatch): void {
    const batch = this.#batch
    batch.collect(rows)
    this.#table.pull(batch.ids, batch.count, batch.values)
    this.#x = new Float32Array(rows.length * entryLayout.columns)
    batch.pool(rows.length, { query: this.#x, entry: this.#x })
    writeDense(
      entryLayout,
      rows.map(({ entry }) => entry),
      this.#x,
    )
  }

  forward({ rows }: BenchBatch): void {
    this.#logits = this.#network.forward([this.#x], rows.length)[0]!
  }

  backward({ labels }: BenchBatch): void {
    const gradient = new Float32Array(this.#logits.length)
    headLoss(this.#logits, labels, gradient)
    const { inputs, dense } = this.#network.backward([gradient])
    this.#ofInput = inputs[0]!
    this.#ofTensors = dense
  }

  push({ rows }: BenchBatch): void {
    const sides = { query: this.#ofInput, entry: this.#ofInput }
    const eventTimesMs = new Float64Array(rows.length).fill(1)
    const { ids, count, values, eventTimesMs: times } = this.#batch.gradients(rows.length, sides, eventTimesMs)
    this.#table.push(ids, count, values, times)
    for (const [name, gradient] of this.#ofTensors) this.#dense.push(name, gradient)
  }
}
