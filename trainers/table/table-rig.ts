// What the tables' suites share: specs to test with, ids, and pushes and pulls in one line.

import { mapTable } from './map-table.ts'
import type { OptimizerSpec, Table, TableSpec } from './table.ts'
import { readTableDump } from './table-dump.ts'

/** One of each kind. */
export const optimizers: { readonly [Kind in OptimizerSpec['kind']]: Extract<OptimizerSpec, { kind: Kind }> } = {
  adagrad: { kind: 'adagrad', learningRate: 0.05, initialAccumulator: 1e-5, epsilon: 1e-8 },
  sgd: { kind: 'sgd', learningRate: 0.1 },
  sum: { kind: 'sum' },
  'decayed-sum': { kind: 'decayed-sum', halfLifeMs: 1000 },
  'rowwise-adagrad': { kind: 'rowwise-adagrad', learningRate: 0.05, initialAccumulator: 0, epsilon: 1e-6 },
  adam: { kind: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  ftrl: { kind: 'ftrl', alpha: 0.1, beta: 1, l1: 0.5, l2: 0.1 },
}
export const baseSpec: TableSpec = {
  name: 'tested',
  dimension: 5,
  optimizer: optimizers.adagrad,
  initialScale: 0.1,
  seed: 7,
  rowsMax: 1000,
}

/** The outcome of a push of nothing. */
export const none = { updated: 0, refused: 0, nonFinite: 0, badTime: 0, noMemory: 0, unadmitted: 0, evicted: 0 }

/** Ids with few bits in common so that segments, chunks and 64-bit order are all crossed; `start` makes them distinct. */
export function idsFrom(start: number, count: number): BigUint64Array {
  const odd = 0x9e3779b97f4a7c15n
  return BigUint64Array.from({ length: count }, (_, index) => BigInt(start + index) * odd)
}

export function pulled(table: Table, ids: BigUint64Array): Float32Array {
  const out = new Float32Array(ids.length * table.spec.dimension)
  table.pull(ids, ids.length, out)
  return out
}

export function pushed(table: Table, ids: readonly bigint[], gradient: number, eventTimeMs = 0) {
  const gradients = new Float32Array(ids.length * table.spec.dimension).fill(gradient)
  return table.push(BigUint64Array.from(ids), ids.length, gradients, new Float64Array(ids.length).fill(eventTimeMs))
}

/** First state column of each row, ascending by id. */
export function stateOf(table: Table): number[] {
  const { ids, rows, columns } = readTableDump(table.spec, table.dump())
  const order = Array.from(ids.keys()).sort((left, right) => (ids[left]! < ids[right]! ? -1 : 1))
  return order.map((index) => rows[index * columns + table.spec.dimension]!)
}

export function mapLoaded(spec: TableSpec, bytes: Uint8Array): Table {
  const table = mapTable(spec)
  table.load(bytes)
  return table
}
