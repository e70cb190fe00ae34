// The parameters a model starts from: a function of the spec and the feature layout alone, so that owner, replica and
// encoder agree before the first delta and nothing has to be sent.

import { checksum } from '../../schemas/ids.ts'
import { heads } from '../../schemas/labels.ts'
import type { Table, TableSpec } from '../table/table.ts'
import type { DenseParameter } from './model.ts'
import type { ModelLayout } from './model-layout.ts'
import type { ModelSpec } from './model-spec.ts'

export type TableFactory = (spec: TableSpec) => Table

export const rankerTensorNames = {
  query: 'ranker.query',
  entry: 'ranker.entry',
  bias: 'ranker.bias',
  heads: 'ranker.heads',
} as const
export const hiddenName = (layer: number): string => `ranker.hidden.${layer}`
export const hiddenBiasName = (layer: number): string => `ranker.hidden.${layer}.bias`

export type TowerSide = 'query' | 'entry'
export const towerTensorNames = (side: TowerSide) => ({
  hidden: `tower.${side}.hidden`,
  hiddenBias: `tower.${side}.hidden.bias`,
  out: `tower.${side}.out`,
  outBias: `tower.${side}.out.bias`,
})

export function tablesOf(spec: ModelSpec, tableFactory: TableFactory): Map<string, Table> {
  return new Map(spec.tables.map(({ side: _, ...table }) => [table.name, tableFactory(table)]))
}

/** Every dense tensor of ranker and towers, seeded by the spec and the tensor's name. */
export function initialDense(spec: ModelSpec, layout: ModelLayout): Map<string, DenseParameter> {
  const out = new Map<string, DenseParameter>()
  const { ranker, towers } = spec
  if (!ranker || !towers) return out
  const add = (name: string, shape: readonly number[], scale: number) =>
    out.set(name, { name, shape, values: uniform(`${spec.seed} ${name}`, product(shape), scale) })

  const width = ranker.hidden[0]! + heads.length
  const { query, entry, bias } = rankerTensorNames
  const entryColumns = layout.ranker.entry.columns + layout.ranker.crossedColumns
  const scale = 1 / Math.sqrt(layout.ranker.query.columns + entryColumns)
  add(query, [layout.ranker.query.columns, width], scale)
  add(entry, [entryColumns, width], scale)
  for (const name of [query, entry]) clearColumns(out.get(name)!.values, width, ranker.hidden[0]!)
  add(bias, [width], 0)
  for (const [index, head] of heads.entries()) {
    out.get(bias)!.values[ranker.hidden[0]! + index] = ranker.headBiases[head] ?? 0
  }
  for (let layer = 1; layer < ranker.hidden.length; layer++) {
    const [from, to] = [ranker.hidden[layer - 1]!, ranker.hidden[layer]!]
    add(hiddenName(layer), [from, to], 1 / Math.sqrt(from))
    add(hiddenBiasName(layer), [to], 0)
  }
  const last = ranker.hidden.at(-1)!
  // A tenth of the usual scale: heads start near their base rates.
  add(rankerTensorNames.heads, [last, heads.length], 0.1 / Math.sqrt(last))

  for (const side of ['query', 'entry'] as const) {
    const names = towerTensorNames(side)
    const columns = layout.towers[side].columns
    add(names.hidden, [columns, towers.hidden], 1 / Math.sqrt(columns))
    add(names.hiddenBias, [towers.hidden], 0)
    add(names.out, [towers.hidden, towers.dimension], 1 / Math.sqrt(towers.hidden))
    // Not zero: an input without any known id still gets a direction.
    add(names.outBias, [towers.dimension], 0.1 / Math.sqrt(towers.dimension))
  }
  return out
}

/** The wide part of the first layer (its last columns, straight into the logits) starts at zero. */
function clearColumns(values: Float32Array, width: number, from: number): void {
  for (let row = 0; row < values.length; row += width) values.fill(0, row + from, row + width)
}

/** Uniform in [-scale, scale) from a text (mulberry32, a public-domain generator, seeded by XXH64 of the text). */
function uniform(text: string, count: number, scale: number): Float32Array {
  let state = Number.parseInt(checksum(new TextEncoder().encode(text)).slice(0, 8), 16)
  const out = new Float32Array(count)
  for (let index = 0; index < count; index++) {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    out[index] = (((bits ^ (bits >>> 14)) >>> 0) / 2 ** 31 - 1) * scale
  }
  return out
}

function product(shape: readonly number[]): number {
  return shape.reduce((all, size) => all * size, 1)
}
