// The parameters a model starts from: a function of the spec and the feature layout alone, so that owner, replica and
// encoder agree before the first delta and nothing has to be sent.

import { checksum } from '../../schemas/ids.ts'
import { type Head, heads } from '../../schemas/labels.ts'
import type { Table, TableSpec } from '../table/table.ts'
import type { DenseParameter } from './model.ts'
import type { ModelLayout } from './model-layout.ts'
import type { ModelSpec, RankerSpec } from './model-spec.ts'

export type TableFactory = (spec: TableSpec) => Table

export const rankerTensorNames = {
  query: 'ranker.query',
  entry: 'ranker.entry',
  bias: 'ranker.bias',
  heads: 'ranker.heads',
  attention: 'ranker.attention',
  attentionBias: 'ranker.attention.bias',
} as const
export const hiddenName = (layer: number, expert: number): string =>
  expert === 0 ? `ranker.hidden.${layer}` : `ranker.expert.${expert}.hidden.${layer}`
export const hiddenBiasName = (layer: number, expert: number): string => `${hiddenName(layer, expert)}.bias`
export const crossName = (layer: number): string => `ranker.cross.${layer}`
export const crossBiasName = (layer: number): string => `${crossName(layer)}.bias`
/** Where heads mix experts, each has its own weights. */
export const headName = (head: Head): string => `ranker.heads.${head}`

export interface FirstColumns {
  readonly ofHidden: number
  readonly ofGates: number
  readonly ofCrossed: number
  readonly all: number
}

/** Columns of the ranker's first layer, in this order: hidden ones of each expert, one per head that goes straight into the
 *  logits, gates of each head, what is crossed. */
export function firstColumns({ hidden, experts = 1, crossLayers = 0 }: RankerSpec): FirstColumns {
  const ofHidden = experts * hidden[0]!
  const ofGates = experts > 1 ? experts * heads.length : 0
  const ofCrossed = crossLayers > 0 ? hidden[0]! : 0
  return { ofHidden, ofGates, ofCrossed, all: ofHidden + heads.length + ofGates + ofCrossed }
}

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

  const { experts = 1, crossLayers = 0, hidden } = ranker
  const { all: width, ofHidden } = firstColumns(ranker)
  const { query, entry, bias, attention, attentionBias } = rankerTensorNames
  const entryColumns = layout.ranker.entry.columns + layout.ranker.crossedColumns
  const queryColumns = layout.ranker.query.columns - layout.ranker.query.dimension * layout.ranker.attendedPlaces
  const scale = 1 / Math.sqrt(queryColumns + entryColumns)
  add(query, [queryColumns, width], scale)
  add(entry, [entryColumns, width], scale)
  for (const name of [query, entry]) clearColumns(out.get(name)!.values, width, ofHidden, ofHidden + heads.length)
  add(bias, [width], 0)
  for (const [index, head] of heads.entries()) {
    out.get(bias)!.values[ofHidden + index] = ranker.headBiases[head] ?? 0
  }
  if (layout.ranker.attendedPlaces > 0) {
    add(attention, [layout.ranker.query.dimension, layout.ranker.attendedPlaces], 0)
    add(attentionBias, [layout.ranker.attendedPlaces], 0)
  }
  for (let expert = 0; expert < experts; expert++) {
    for (let layer = 1; layer < hidden.length; layer++) {
      const [from, to] = [hidden[layer - 1]!, hidden[layer]!]
      add(hiddenName(layer, expert), [from, to], 1 / Math.sqrt(from))
      add(hiddenBiasName(layer, expert), [to], 0)
    }
  }
  for (let layer = 0; layer < crossLayers; layer++) {
    add(crossName(layer), [hidden[0]!, hidden[0]!], 1 / Math.sqrt(hidden[0]!))
    add(crossBiasName(layer), [hidden[0]!], 0)
  }
  const last = hidden.at(-1)! + (crossLayers > 0 ? hidden[0]! : 0)
  // A tenth of the usual scale: heads start near their base rates.
  if (experts === 1) add(rankerTensorNames.heads, [last, heads.length], 0.1 / Math.sqrt(last))
  else for (const head of heads) add(headName(head), [last, 1], 0.1 / Math.sqrt(last))

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

/** The wide part of the first layer (its columns straight into the logits) starts at zero. */
function clearColumns(values: Float32Array, width: number, from: number, to: number): void {
  for (let row = 0; row < values.length; row += width) values.fill(0, row + from, row + to)
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
