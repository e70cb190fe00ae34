// Pulls and AdaGrad pushes per second of the WebAssembly table with random ids, in rounds that alternate with those of a
// reference given the same ids; and what growing from nothing to all rows costs.

import type { Clock } from '../../streams/runtime/runtime.ts'
import type { Table } from './table.ts'
import { type MeasuredTable, wasmTable } from './wasm-table.ts'

export interface TableBenchOptions {
  readonly clock: Clock
  /** CPU time of this thread: other work on the machine counts less than with a clock on the wall. */
  readonly cpuMs: () => number
  readonly rows?: number
  readonly dimension?: number
  readonly batchSize?: number
  /** Ids pulled and pushed per distribution and round. */
  readonly accesses?: number
  /** Rates are those of the median round; a ratio is the median of the rounds' own, because what else the machine does slows
   *  neighbouring measurements alike. */
  readonly rounds?: number
  /** Null where the reference cannot run. */
  readonly startReference?: (work: TableBenchWork) => Promise<TableReference | null>
}

export interface TableBenchWork {
  readonly dimension: number
  readonly batchSize: number
  readonly ids: BigUint64Array
  readonly accesses: readonly BigUint64Array[]
}

export interface TableReference {
  /** One pass over a list of accesses. */
  cpuSeconds(order: 'pull' | 'push' | 'pullPrefetching' | 'pushPrefetching', list: number): Promise<number>
  end(): void
}

interface PullPush {
  readonly pull: number
  readonly push: number
}

export interface DistributionResult {
  /** Rows per second. */
  readonly ours: PullPush
  readonly oneAtATime: PullPush | null
  readonly prefetching: PullPush | null
  readonly ratio: PullPush | null
  readonly ratioPrefetch: PullPush | null
}

interface Quantiles {
  readonly p50: number
  readonly p999: number
  readonly max: number
}

export interface TableBenchResult {
  readonly work: string
  /** Ours over the reference's loop of one id at a time: the smaller of both distributions. */
  readonly ratio: PullPush | null
  /** Ours over the reference's batches with prefetch. */
  readonly ratioPrefetch: PullPush | null
  readonly distributions: Readonly<Record<string, DistributionResult>>
  /** Memory in use over rows, when all are in; payload are values and optimizer state. */
  readonly bytesPerRow: number
  readonly bytesPerRowBeyondPayload: number
  readonly insertsPerSecond: number
  /** Time per batch while all of its rows were new: by the wall's clock, in which other processes count, and by CPU. */
  readonly growth: { readonly batchMs: Quantiles; readonly batchCpuMs: Quantiles }
}

const zipfExponent = 1.05
const learningRate = 0.05
const gradientValue = 0.001

/** Defaults: 2 million rows of 32 values with AdaGrad, batches of 256, uniform and Zipf ids. About 30 seconds. */
export async function benchTable(options: TableBenchOptions): Promise<TableBenchResult> {
  const { clock, cpuMs, rows = 2_000_000, dimension = 32, batchSize = 256, accesses = 1_000_000, rounds = 15 } = options
  const next = randomFrom(1)
  const ids = BigUint64Array.from({ length: rows }, () => (BigInt(next()) << 32n) | BigInt(next() | 1))
  const drawn = { uniform: uniformIds(ids, accesses, next), zipf: zipfIds(ids, accesses, next) }
  const work = { dimension, batchSize, ids, accesses: Object.values(drawn) }

  // A tenth more than is pushed, because a slice that fills up before the others would evict.
  const rowsMax = Math.ceil(rows * 1.1)
  const table = emptyTable(dimension, rowsMax)
  // Warm-up: the code is compiled, and what making a table left to collect is collected.
  pushAll(emptyTable(dimension, rowsMax), work, ids.subarray(0, rows / 10), () => clock.monotonicMs())
  const startMs = cpuMs()
  const batchMs = pushAll(table, work, ids, () => clock.monotonicMs())
  const insertMs = cpuMs() - startMs
  const bytes = table.usedBytes / table.rows

  const reference = (await options.startReference?.(work)) ?? null
  const distributions: Record<string, DistributionResult> = {}
  for (const [list, name] of Object.keys(drawn).entries()) {
    distributions[name] = await measure(table, work, list, rounds, cpuMs, reference)
  }
  reference?.end()
  const all = Object.values(distributions)
  return {
    work: `${rows} rows of ${dimension} + ${dimension} floats, batches of ${batchSize}, zipf exponent ${zipfExponent}`,
    ratio: smallest(all.map(({ ratio }) => ratio)),
    ratioPrefetch: smallest(all.map(({ ratioPrefetch }) => ratioPrefetch)),
    distributions,
    bytesPerRow: bytes,
    bytesPerRowBeyondPayload: bytes - dimension * 8,
    insertsPerSecond: (rows / insertMs) * 1000,
    growth: { batchMs: quantiles(batchMs), batchCpuMs: quantiles(growthCpuMs(work, rowsMax, cpuMs)) },
  }
}

/** Once more in a fresh table, because asking for both times in one run would slow each batch. */
function growthCpuMs(work: TableBenchWork, rowsMax: number, cpuMs: () => number): Float64Array {
  return pushAll(emptyTable(work.dimension, rowsMax), work, work.ids, cpuMs)
}

function emptyTable(dimension: number, rowsMax: number): MeasuredTable {
  const optimizer = { kind: 'adagrad', learningRate, initialAccumulator: 1e-5, epsilon: 1e-8 } as const
  return wasmTable({ name: 'bench', dimension, optimizer, initialScale: 0.01, seed: 1, rowsMax })
}

async function measure(
  table: Table,
  work: TableBenchWork,
  list: number,
  rounds: number,
  cpuMs: () => number,
  reference: TableReference | null,
): Promise<DistributionResult> {
  const ids = work.accesses[list]!
  const ours = new RoundTimes()
  const plain = new RoundTimes()
  const prefetching = new RoundTimes()
  for (let round = 0; round < rounds; round++) {
    ours.pull.push(timed(cpuMs, () => pullAll(table, work, ids)))
    ours.push.push(timed(cpuMs, () => void pushAll(table, work, ids, null)))
    if (!reference) continue
    plain.pull.push(await reference.cpuSeconds('pull', list))
    plain.push.push(await reference.cpuSeconds('push', list))
    prefetching.pull.push(await reference.cpuSeconds('pullPrefetching', list))
    prefetching.push.push(await reference.cpuSeconds('pushPrefetching', list))
  }
  const rates = ({ pull, push }: RoundTimes) => ({ pull: ids.length / median(pull), push: ids.length / median(push) })
  const over = (other: RoundTimes) => ({
    pull: median(other.pull.map((seconds, round) => seconds / ours.pull[round]!)),
    push: median(other.push.map((seconds, round) => seconds / ours.push[round]!)),
  })
  return {
    ours: rates(ours),
    oneAtATime: reference && rates(plain),
    prefetching: reference && rates(prefetching),
    ratio: reference && over(plain),
    ratioPrefetch: reference && over(prefetching),
  }
}

/** Seconds of each round. */
class RoundTimes {
  readonly pull: number[] = []
  readonly push: number[] = []
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** Seconds. */
function timed(cpuMs: () => number, call: () => void): number {
  const startMs = cpuMs()
  call()
  return (cpuMs() - startMs) / 1000
}

function pullAll(table: Table, work: TableBenchWork, ids: BigUint64Array): void {
  const out = new Float32Array(work.batchSize * work.dimension)
  for (let start = 0; start < ids.length; start += work.batchSize) {
    const batch = ids.subarray(start, start + work.batchSize)
    table.pull(batch, batch.length, out)
  }
}

/** Milliseconds of each batch; zeros without a clock. */
function pushAll(
  table: Table,
  work: TableBenchWork,
  ids: BigUint64Array,
  nowMs: (() => number) | null,
): Float64Array<ArrayBuffer> {
  const gradients = new Float32Array(work.batchSize * work.dimension).fill(gradientValue)
  const times = new Float64Array(work.batchSize).fill(1)
  const batchMs = new Float64Array(Math.ceil(ids.length / work.batchSize))
  for (let index = 0; index < batchMs.length; index++) {
    const batch = ids.subarray(index * work.batchSize, (index + 1) * work.batchSize)
    const startMs = nowMs?.() ?? 0
    table.push(batch, batch.length, gradients, times)
    batchMs[index] = (nowMs?.() ?? 0) - startMs
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

function smallest(each: readonly (PullPush | null)[]): PullPush | null {
  const known = each.filter((ratio) => ratio !== null)
  if (known.length === 0) return null
  return { pull: Math.min(...known.map(({ pull }) => pull)), push: Math.min(...known.map(({ push }) => push)) }
}

function quantiles(values: Float64Array): Quantiles {
  const ascending = values.slice().sort()
  const at = (share: number) => ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0
  return { p50: at(0.5), p999: at(0.999), max: ascending.at(-1) ?? 0 }
}
