// Pulls and AdaGrad pushes per second of the WebAssembly table with random ids, against a reference given the same ids.

import type { Clock } from '../../streams/runtime/runtime.ts'
import type { Table } from './table.ts'
import { wasmTable } from './wasm-table.ts'

export interface TableBenchOptions {
  readonly clock: Clock
  readonly rows?: number
  readonly dimension?: number
  readonly batchSize?: number
  /** Ids pulled and pushed per distribution and round. */
  readonly accesses?: number
  /** The best round counts, because other work on the machine only ever slows one down. */
  readonly rounds?: number
  readonly reference?: TableReference
}

/** Another table's rates for the same ids, or undefined where it cannot run. */
export type TableReference = (work: TableBenchWork) => Promise<readonly TableRates[] | undefined>

export interface TableBenchWork {
  readonly dimension: number
  readonly batchSize: number
  readonly rounds: number
  readonly ids: BigUint64Array
  readonly accesses: readonly BigUint64Array[]
}

export interface TableRates {
  readonly pullsPerSecond: number
  readonly pushesPerSecond: number
}

export interface TableBenchResult {
  readonly work: string
  readonly insertsPerSecond: number
  /** While all rows were new: the time one batch took. */
  readonly insertBatchMs: { readonly p50: number; readonly p999: number; readonly max: number }
  readonly rates: Readonly<Record<string, TableRates>>
  readonly reference: Readonly<Record<string, TableRates>> | undefined
  /** Ours over the reference's. */
  readonly ratios: Readonly<Record<string, { readonly pull: number; readonly push: number }>> | undefined
}

const zipfExponent = 1.05
const learningRate = 0.05
const gradientValue = 0.001

/** Defaults: 2 million rows of 32 values with AdaGrad, batches of 256, uniform and Zipf ids. About 15 seconds. */
export async function benchTable(options: TableBenchOptions): Promise<TableBenchResult> {
  const { clock, rows = 2_000_000, dimension = 32, batchSize = 256, accesses = 1_000_000, rounds = 3 } = options
  const next = randomFrom(1)
  const ids = BigUint64Array.from({ length: rows }, () => (BigInt(next()) << 32n) | BigInt(next() | 1))
  const drawn = { uniform: uniformIds(ids, accesses, next), zipf: zipfIds(ids, accesses, next) }
  const names = Object.keys(drawn)
  const work = { dimension, batchSize, rounds, ids, accesses: Object.values(drawn) }

  const optimizer = { kind: 'adagrad', learningRate, initialAccumulator: 1e-5, epsilon: 1e-8 } as const
  const table = wasmTable({ name: 'bench', dimension, optimizer, initialScale: 0.01, seed: 1, rowsMax: rows })
  const insertMs = pushAll(table, work, ids, clock)
  const rates = work.accesses.map((each) => measure(table, work, each, clock))
  const reference = await options.reference?.(work)
  const ratios = reference?.map(({ pullsPerSecond, pushesPerSecond }, index) => ({
    pull: rates[index]!.pullsPerSecond / pullsPerSecond,
    push: rates[index]!.pushesPerSecond / pushesPerSecond,
  }))
  const totalMs = insertMs.reduce((sum, ms) => sum + ms, 0)
  insertMs.sort()
  return {
    work: `${rows} rows of ${dimension} + ${dimension} floats, batches of ${batchSize}, zipf exponent ${zipfExponent}`,
    insertsPerSecond: (rows / totalMs) * 1000,
    insertBatchMs: { p50: quantile(insertMs, 0.5), p999: quantile(insertMs, 0.999), max: insertMs.at(-1) ?? 0 },
    rates: named(names, rates),
    reference: reference && named(names, reference),
    ratios: ratios && named(names, ratios),
  }
}

function measure(table: Table, work: TableBenchWork, ids: BigUint64Array, clock: Clock): TableRates {
  const out = new Float32Array(work.batchSize * work.dimension)
  let pullMs = Number.POSITIVE_INFINITY
  let pushMs = Number.POSITIVE_INFINITY
  for (let round = 0; round < work.rounds; round++) {
    const startMs = clock.monotonicMs()
    for (let start = 0; start < ids.length; start += work.batchSize) {
      const batch = ids.subarray(start, start + work.batchSize)
      table.pull(batch, batch.length, out)
    }
    pullMs = Math.min(pullMs, clock.monotonicMs() - startMs)
    pushMs = Math.min(
      pushMs,
      pushAll(table, work, ids, clock).reduce((sum, ms) => sum + ms, 0),
    )
  }
  return { pullsPerSecond: (ids.length / pullMs) * 1000, pushesPerSecond: (ids.length / pushMs) * 1000 }
}

/** Milliseconds of each batch. */
function pushAll(table: Table, work: TableBenchWork, ids: BigUint64Array, clock: Clock): Float64Array {
  const gradients = new Float32Array(work.batchSize * work.dimension).fill(gradientValue)
  const times = new Float64Array(work.batchSize).fill(1)
  const batchMs = new Float64Array(Math.ceil(ids.length / work.batchSize))
  for (let index = 0; index < batchMs.length; index++) {
    const batch = ids.subarray(index * work.batchSize, (index + 1) * work.batchSize)
    const startMs = clock.monotonicMs()
    table.push(batch, batch.length, gradients, times)
    batchMs[index] = clock.monotonicMs() - startMs
  }
  return batchMs
}

function uniformIds(ids: BigUint64Array, count: number, next: () => number): BigUint64Array {
  return BigUint64Array.from({ length: count }, () => ids[next() % ids.length]!)
}

/** Rank r with a probability in proportion to r^-exponent; ids are in no order, so ranks are spread over the table. */
function zipfIds(ids: BigUint64Array, count: number, next: () => number): BigUint64Array {
  const cumulative = new Float64Array(ids.length)
  let total = 0
  for (let rank = 0; rank < ids.length; rank++) {
    total += (rank + 1) ** -zipfExponent
    cumulative[rank] = total
  }
  return BigUint64Array.from({ length: count }, () => ids[firstAbove(cumulative, (next() / 2 ** 32) * total)]!)
}

function firstAbove(ascending: Float64Array, value: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

/** Unsigned 32-bit numbers: a Weyl sequence through a 32-bit mixer, the same in every run. */
function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
    return (x ^ (x >>> 15)) >>> 0
  }
}

function named<Value>(names: readonly string[], values: readonly Value[]): Record<string, Value> {
  return Object.fromEntries(names.map((name, index) => [name, values[index]!]))
}

function quantile(ascending: Float64Array, share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0
}
