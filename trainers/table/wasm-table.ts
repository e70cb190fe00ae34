// The table in WebAssembly memory, one memory per table: equal to the Map table byte for byte, with room for up to 4 GiB.

import { assert } from '../../streams/runtime/errors.ts'
import { hashesOf, idsOfHashes } from './id-hash.ts'
import { tableKernelModule } from './kernel-module.ts'
import type { PushResult, Table, TableSpec } from './table.ts'
import { dumpByteLength, emptyTableDump, readTableDump } from './table-dump.ts'
import { assertTableSpec, optimizerOf, rowColumnsOf } from './table-spec.ts'

/** Rows per kernel call, and ids per chunk that the kernel lists at once. */
const batchMax = 256
const chunkRows = 1024

/** Kernel addresses and counts are unsigned but arrive signed. */
interface TableKernel {
  readonly memory: WebAssembly.Memory
  configure(
    dimension: number,
    stateColumns: number,
    kind: number,
    rowsMax: number,
    seed: number,
    scale: number,
    learningRate: number,
    initialState: number,
    epsilon: number,
    halfLifeMs: number,
  ): number
  clear(): number
  idsAddress(): number
  timesAddress(): number
  flagsAddress(): number
  floatsAddress(): number
  liveRows(): number
  touchedRows(): number
  chunkCount(): number
  refusedRows(): number
  pull(count: number): void
  contains(count: number): void
  eventTimes(count: number): void
  push(count: number): number
  set(count: number): number
  remove(count: number): void
  collect(chunk: number, onlyTouched: number): number
  exportRows(count: number): void
  importRows(count: number): number
}

/** Synchronous; the kernel is read from the disk once per process. Arrays given to the table may be of any length. */
export function wasmTable(spec: TableSpec): Table {
  assertTableSpec(spec)
  return new WasmTable(spec, tableKernelModule())
}

class WasmTable implements Table {
  readonly spec: TableSpec
  readonly #kernel: TableKernel
  readonly #rowColumns: number
  #buffer: ArrayBufferLike | undefined
  #ids!: BigUint64Array
  #times!: Float64Array
  #flags!: Uint8Array
  #floats!: Float32Array

  constructor(spec: TableSpec, module: WebAssembly.Module) {
    this.spec = spec
    const kind = optimizerOf(spec).number
    assert(kind < 4, `table ${spec.name}: its optimizer has no kernel`)
    const stateColumns = rowColumnsOf(spec) - spec.dimension
    const [first = 0, initialState = 0, epsilon = 0] = optimizerOf(spec).parameters(spec.optimizer, spec.dimension)
    const [learningRate, halfLifeMs] = kind === 3 ? [0, first] : [first, 1]
    this.#kernel = new WebAssembly.Instance(module, {}).exports as unknown as TableKernel
    this.#rowColumns = spec.dimension + stateColumns
    const { dimension, rowsMax, seed, initialScale } = spec
    const numbers = [learningRate, initialState, epsilon, halfLifeMs] as const
    const ready = this.#kernel.configure(dimension, stateColumns, kind, rowsMax, seed, initialScale, ...numbers)
    assert(ready, `table ${spec.name}: no memory for its index`)
    this.#remakeViews()
  }

  get rows(): number {
    return this.#kernel.liveRows() >>> 0
  }

  pull(ids: BigUint64Array, count: number, out: Float32Array): void {
    const { dimension } = this.spec
    assert(ids.length >= count && out.length >= count * dimension, 'pull: an array is too short')
    for (let start = 0; start < count; start += batchMax) {
      const size = Math.min(batchMax, count - start)
      this.#ids.set(ids.subarray(start, start + size))
      this.#kernel.pull(size)
      out.set(this.#floats.subarray(0, size * dimension), start * dimension)
    }
  }

  contains(ids: BigUint64Array, count: number, out: Uint8Array): void {
    assert(ids.length >= count && out.length >= count, 'contains: an array is too short')
    for (let start = 0; start < count; start += batchMax) {
      const size = Math.min(batchMax, count - start)
      this.#ids.set(ids.subarray(start, start + size))
      this.#kernel.contains(size)
      out.set(this.#flags.subarray(0, size), start)
    }
  }

  eventTimes(ids: BigUint64Array, count: number, out: Float64Array): void {
    assert(ids.length >= count && out.length >= count, 'eventTimes: an array is too short')
    for (let start = 0; start < count; start += batchMax) {
      const size = Math.min(batchMax, count - start)
      this.#ids.set(ids.subarray(start, start + size))
      this.#kernel.eventTimes(size)
      out.set(this.#times.subarray(0, size), start)
    }
  }

  push(ids: BigUint64Array, count: number, gradients: Float32Array, eventTimesMs: Float64Array): PushResult {
    let updated = 0
    let refused = 0
    for (let start = 0; start < count; start += batchMax) {
      const size = this.#fillScratch(ids, count, start, gradients, eventTimesMs)
      updated += this.#kernel.push(size)
      refused += this.#kernel.refusedRows()
      this.#freshViews()
    }
    return { updated, refused, nonFinite: refused, badTime: 0, noMemory: 0, unadmitted: 0, evicted: 0 }
  }

  set(ids: BigUint64Array, count: number, values: Float32Array, eventTimesMs: Float64Array): PushResult {
    let updated = 0
    let refused = 0
    for (let start = 0; start < count; start += batchMax) {
      const size = this.#fillScratch(ids, count, start, values, eventTimesMs)
      updated += this.#kernel.set(size)
      refused += this.#kernel.refusedRows()
      this.#freshViews()
    }
    return { updated, refused, nonFinite: refused, badTime: 0, noMemory: 0, unadmitted: 0, evicted: 0 }
  }

  remove(ids: BigUint64Array, count: number): void {
    for (let start = 0; start < count; start += batchMax) {
      const size = Math.min(batchMax, count - start)
      this.#ids.set(ids.subarray(start, start + size))
      this.#kernel.remove(size)
    }
  }

  drainTouched(): BigUint64Array {
    return this.#collect(this.#kernel.touchedRows() >>> 0, true)
  }

  readonly sliceCount = 1

  expire(): number {
    return 0
  }

  drainRemoved(): BigUint64Array {
    return new BigUint64Array(0)
  }

  get dumpByteLength(): number {
    return dumpByteLength(this.spec, this.rows)
  }

  dumpParts(): Iterable<Uint8Array> {
    return [this.dump()]
  }

  dump(): Uint8Array {
    const dump = emptyTableDump(this.spec, this.rows)
    const columns = this.#rowColumns
    dump.ids.set(idsOfHashes(hashesOf(this.#collect(this.rows, false)).sort()))
    for (let start = 0; start < dump.ids.length; start += batchMax) {
      const size = Math.min(batchMax, dump.ids.length - start)
      this.#ids.set(dump.ids.subarray(start, start + size))
      this.#kernel.exportRows(size)
      dump.eventTimesMs.set(this.#times.subarray(0, size), start)
      dump.rows.set(this.#floats.subarray(0, size * columns), start * columns)
    }
    return dump.bytes
  }

  load(dump: Uint8Array): void {
    const { ids, eventTimesMs, rows, columns } = readTableDump(this.spec, dump)
    this.#kernel.clear()
    for (let start = 0; start < ids.length; start += batchMax) {
      const size = Math.min(batchMax, ids.length - start)
      this.#ids.set(ids.subarray(start, start + size))
      this.#times.set(eventTimesMs.subarray(start, start + size))
      this.#floats.set(rows.subarray(start * columns, (start + size) * columns))
      const placed = this.#kernel.importRows(size)
      this.#freshViews()
      if (placed) continue
      this.#kernel.clear()
      throw new RangeError(`dump does not fit table ${this.spec.name}: its rows need more than one memory of 4 GiB`)
    }
  }

  /** Ids ascending, all or only the touched ones, which are cleared. */
  #collect(count: number, onlyTouched: boolean): BigUint64Array {
    const ids = new BigUint64Array(count)
    const chunks = count === 0 ? 0 : this.#kernel.chunkCount()
    let filled = 0
    for (let chunk = 0; chunk < chunks; chunk++) {
      const size = this.#kernel.collect(chunk, onlyTouched ? 1 : 0)
      ids.set(this.#ids.subarray(0, size), filled)
      filled += size
    }
    assert(filled === count, `table ${this.spec.name}: ${filled} ids found, ${count} counted`)
    return ids.sort()
  }

  #fillScratch(ids: BigUint64Array, count: number, start: number, rows: Float32Array, times: Float64Array): number {
    const { dimension } = this.spec
    const size = Math.min(batchMax, count - start)
    assert(ids.length >= count && times.length >= count && rows.length >= count * dimension, 'an array is too short')
    this.#ids.set(ids.subarray(start, start + size))
    this.#times.set(times.subarray(start, start + size))
    this.#floats.set(rows.subarray(start * dimension, (start + size) * dimension))
    return size
  }

  /** A memory that has grown has a new buffer, and views of the old one are empty: due after each call that adds rows. */
  #freshViews(): void {
    if (this.#buffer !== this.#kernel.memory.buffer) this.#remakeViews()
  }

  #remakeViews(): void {
    const { buffer } = this.#kernel.memory
    this.#buffer = buffer
    this.#ids = new BigUint64Array(buffer, this.#kernel.idsAddress() >>> 0, chunkRows)
    this.#times = new Float64Array(buffer, this.#kernel.timesAddress() >>> 0, batchMax)
    this.#flags = new Uint8Array(buffer, this.#kernel.flagsAddress() >>> 0, batchMax)
    this.#floats = new Float32Array(buffer, this.#kernel.floatsAddress() >>> 0, batchMax * this.#rowColumns)
  }
}
