// The compiled kernel as TypeScript sees it: its exports, its start for a spec, and views of what calls pass through its
// memory. Addresses and counts are unsigned but arrive signed.

import { assert } from '../../streams/runtime/errors.ts'
import { admissionCellsOf } from './admission-filter.ts'
import { kernelModule } from './kernel-module.ts'
import type { TableSpec } from './table.ts'
import { slicesOf } from './table-slices.ts'
import { optimizerOf, rowColumnsOf } from './table-spec.ts'

/** Rows per kernel call. */
export const batchMax = 256
/** Ids that a segment or a chunk may hand over at once. */
export const idsMax = 4096
const memoryBytesMax = 2 ** 32 - 2 ** 16

export interface TableKernel {
  readonly memory: WebAssembly.Memory
  configureOptimizer(
    kind: number,
    dimension: number,
    stateColumns: number,
    first: number,
    second: number,
    third: number,
    fourth: number,
  ): void
  configure(
    rowsMax: number,
    seed: number,
    scale: number,
    sliceBits: number,
    sliceRowsMax: number,
    evictedAtOnce: number,
    admissionCells: number,
    admittedAfter: number,
  ): number
  clear(): number
  idsAddress(): number
  timesAddress(): number
  occurrencesAddress(): number
  flagsAddress(): number
  floatsAddress(): number
  removedAddress(): number
  admissionAddress(): number
  neededBytes(): number
  usedBytes(): number
  liveRows(): number
  touchedRows(): number
  chunkCount(): number
  nonFiniteRows(): number
  badTimeRows(): number
  noMemoryRows(): number
  unadmittedRows(): number
  evictedRows(): number
  pull(count: number): void
  contains(count: number): void
  eventTimes(count: number): void
  push(count: number): number
  set(count: number): number
  remove(count: number): void
  expire(slice: number, beforeMs: number): number
  collectTouched(chunk: number): number
  collectHashes(segment: number): number
  nextSegment(segment: number): number
  exportRows(count: number): void
  importRows(count: number): number
}

/** Valid while the kernel's memory keeps its buffer. */
export interface KernelViews {
  readonly buffer: ArrayBufferLike
  readonly ids: BigUint64Array
  readonly idHalves: Uint32Array
  readonly times: Float64Array
  readonly occurrences: Uint32Array
  readonly flags: Uint8Array
  readonly floats: Float32Array
}

/** A kernel of its own memory; `onRemoved` gets ids that eviction and expiry remove. */
export function startKernel(spec: TableSpec, onRemoved: (ids: BigUint64Array) => void): TableKernel {
  const { name, dimension, rowsMax, seed, initialScale, admission } = spec
  const report = (count: number) =>
    onRemoved(new BigUint64Array(kernel.memory.buffer, kernel.removedAddress() >>> 0, count))
  const instance = new WebAssembly.Instance(kernelModule('table'), { table: { report } })
  const kernel = instance.exports as unknown as TableKernel
  const optimizer = optimizerOf(spec)
  const [first = 0, second = 0, third = 0, fourth = 0] = optimizer.parameters(spec.optimizer, dimension)
  const stateColumns = rowColumnsOf(spec) - dimension
  kernel.configureOptimizer(optimizer.number, dimension, stateColumns, first, second, third, fourth)
  const slices = slicesOf(spec)
  const sliceNumbers = [slices.bits, slices.rowsMax, slices.evicted] as const
  const admissionNumbers = [admissionCellsOf(admission), admission?.occurrences ?? 1] as const
  const ready = kernel.configure(rowsMax, seed, initialScale, ...sliceNumbers, ...admissionNumbers)
  assert(ready, `table ${name}: no memory for its index`)
  const needed = kernel.neededBytes()
  assert(needed <= memoryBytesMax, `table ${name}: ${rowsMax} rows take ${needed} bytes, one memory has 4 GiB`)
  return kernel
}

export function kernelViews(kernel: TableKernel, rowColumns: number): KernelViews {
  const { buffer } = kernel.memory
  return {
    buffer,
    ids: new BigUint64Array(buffer, kernel.idsAddress() >>> 0, idsMax),
    idHalves: new Uint32Array(buffer, kernel.idsAddress() >>> 0, 2 * idsMax),
    times: new Float64Array(buffer, kernel.timesAddress() >>> 0, batchMax),
    occurrences: new Uint32Array(buffer, kernel.occurrencesAddress() >>> 0, batchMax),
    flags: new Uint8Array(buffer, kernel.flagsAddress() >>> 0, batchMax),
    floats: new Float32Array(buffer, kernel.floatsAddress() >>> 0, batchMax * rowColumns),
  }
}
