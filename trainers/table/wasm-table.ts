// The table in WebAssembly memory, one memory per table: equal to the Map table byte for byte, with room for up to 4 GiB.

import { assert } from '../../streams/runtime/errors.ts'
import { admissionCellsOf } from './admission-filter.ts'
import { copyFlags, copyFloats, copyIds, copyTimes } from './copies.ts'
import { IdHalves } from './id-halves.ts'
import { RemovedIds } from './removed-ids.ts'
import type { PushResult, Table, TableSpec } from './table.ts'
import { admissionCellsIn, checkedTableDump, dumpBlocks, dumpByteLength, dumpHead } from './table-dump.ts'
import { exportedRows, partBytes } from './table-export.ts'
import { batchMax, type KernelViews, kernelViews, startKernel, type TableKernel } from './table-kernel.ts'
import { slicesOf } from './table-slices.ts'
import { assertTableSpec, rowColumnsOf } from './table-spec.ts'

export interface MeasuredTable extends Table {
  /** Bytes of memory that rows, index and working space take. */
  readonly usedBytes: number
}

/** Synchronous; the kernel is read from the disk once per process. Arrays given to the table may be of any length. Address
 *  space for `rowsMax` rows is reserved at once, memory is taken as rows come. */
export function wasmTable(spec: TableSpec): MeasuredTable {
  assertTableSpec(spec)
  return new WasmTable(spec)
}

class WasmTable implements MeasuredTable {
  readonly spec: TableSpec
  readonly sliceCount: number
  readonly #kernel: TableKernel
  readonly #rowColumns: number
  readonly #cells: number
  readonly #removed = new RemovedIds()
  readonly #given = new IdHalves()
  #writes = 0
  #views: KernelViews

  constructor(spec: TableSpec) {
    this.spec = spec
    this.sliceCount = slicesOf(spec).count
    this.#rowColumns = rowColumnsOf(spec)
    this.#cells = admissionCellsOf(spec.admission)
    this.#kernel = startKernel(spec, (ids) => this.#removed.append(ids))
    this.#views = kernelViews(this.#kernel, this.#rowColumns)
  }

  get rows(): number {
    return this.#kernel.liveRows() >>> 0
  }

  get usedBytes(): number {
    return this.#kernel.usedBytes()
  }

  pull(ids: BigUint64Array, count: number, out: Float32Array): void {
    const { dimension } = this.spec
    assert(ids.length >= count && out.length >= count * dimension, 'pull: an array is too short')
    for (let start = 0; start < count; start += batchMax) {
      const size = this.#fillIds(ids, count, start)
      this.#kernel.pull(size)
      out.set(this.#views.floats.subarray(0, size * dimension), start * dimension)
    }
  }

  contains(ids: BigUint64Array, count: number, out: Uint8Array): void {
    assert(ids.length >= count && out.length >= count, 'contains: an array is too short')
    for (let start = 0; start < count; start += batchMax) {
      const size = this.#fillIds(ids, count, start)
      this.#kernel.contains(size)
      out.set(this.#views.flags.subarray(0, size), start)
    }
  }

  eventTimes(ids: BigUint64Array, count: number, out: Float64Array): void {
    assert(ids.length >= count && out.length >= count, 'eventTimes: an array is too short')
    for (let start = 0; start < count; start += batchMax) {
      const size = this.#fillIds(ids, count, start)
      this.#kernel.eventTimes(size)
      out.set(this.#views.times.subarray(0, size), start)
    }
  }

  push(
    ids: BigUint64Array,
    count: number,
    gradients: Float32Array,
    eventTimesMs: Float64Array,
    occurrences?: Uint32Array,
    existed?: Uint8Array,
  ): PushResult {
    assert((occurrences ?? ids).length >= count && (existed ?? ids).length >= count, 'push: an array is too short')
    return this.#write(ids, count, gradients, eventTimesMs, (size, start) => {
      if (this.#cells > 0) {
        if (occurrences) this.#views.occurrences.set(occurrences.subarray(start, start + size))
        else this.#views.occurrences.fill(1)
      }
      const updated = this.#kernel.push(size)
      // Rows that came may have grown the memory.
      this.#freshViews()
      if (existed) copyFlags(this.#views.flags, existed, start, size)
      return updated
    })
  }

  set(ids: BigUint64Array, count: number, values: Float32Array, eventTimesMs: Float64Array): PushResult {
    return this.#write(ids, count, values, eventTimesMs, (size) => this.#kernel.set(size))
  }

  remove(ids: BigUint64Array, count: number): void {
    this.#writes++
    for (let start = 0; start < count; start += batchMax) this.#kernel.remove(this.#fillIds(ids, count, start))
  }

  expire(watermarkMs: number, slice?: number): number {
    assert(Number.isFinite(watermarkMs), `expire: a watermark of ${watermarkMs}`)
    assert(slice === undefined || (slice >= 0 && slice < this.sliceCount), `expire: there is no slice ${slice}`)
    const { expiresAfterMs } = this.spec
    if (typeof expiresAfterMs !== 'number') return 0
    this.#writes++
    const first = slice ?? 0
    const last = slice ?? this.sliceCount - 1
    let expired = 0
    for (let each = first; each <= last; each++) {
      expired += Math.max(0, this.#kernel.expire(each, watermarkMs - expiresAfterMs))
    }
    this.#freshViews()
    return expired
  }

  drainTouched(): BigUint64Array {
    const ids = new BigUint64Array(this.#kernel.touchedRows() >>> 0)
    const chunks = ids.length === 0 ? 0 : this.#kernel.chunkCount()
    let filled = 0
    for (let chunk = 0; chunk < chunks; chunk++) {
      const size = this.#kernel.collectTouched(chunk)
      ids.set(this.#views.ids.subarray(0, size), filled)
      filled += size
    }
    assert(filled === ids.length, `table ${this.spec.name}: ${filled} touched ids found, ${ids.length} counted`)
    return ids.sort()
  }

  drainRemoved(): BigUint64Array {
    const ids = this.#removed.drain()
    const present = new Uint8Array(ids.length)
    this.contains(ids, ids.length, present)
    return present.includes(1) ? ids.filter((_, index) => present[index] === 0) : ids
  }

  dump(): Uint8Array {
    const bytes = new Uint8Array(this.dumpByteLength)
    let filled = 0
    for (const part of this.dumpParts()) {
      bytes.set(part, filled)
      filled += part.length
    }
    return bytes
  }

  get dumpByteLength(): number {
    return dumpByteLength(this.spec, this.rows)
  }

  *dumpParts(): Generator<Uint8Array> {
    const writes = this.#writes
    const unchanged = () => assert(writes === this.#writes, `table ${this.spec.name} was written to during its dump`)
    const head = dumpHead(this.spec, this.rows, this.#admissionCells())
    for (let start = 0; start < head.length; start += partBytes) {
      yield head.subarray(start, start + partBytes)
      unchanged()
    }
    for (const part of exportedRows(this.#kernel, this.#views, this.rows, this.#rowColumns)) {
      yield part
      unchanged()
    }
  }

  load(dump: Uint8Array): void {
    const bytes = checkedTableDump(this.spec, dump)
    this.#writes++
    this.#removed.clear()
    this.#kernel.clear()
    this.#freshViews()
    this.#admissionCells().set(admissionCellsIn(this.spec, bytes))
    for (const { block } of dumpBlocks(this.spec, bytes)) {
      this.#views.ids.set(block.ids)
      this.#views.times.set(block.eventTimesMs)
      this.#views.floats.set(block.rows)
      const placed = this.#kernel.importRows(block.ids.length)
      this.#freshViews()
      if (placed) continue
      this.#kernel.clear()
      throw new RangeError(`dump does not fit table ${this.spec.name}: its rows need more than one memory of 4 GiB`)
    }
  }

  #write(
    ids: BigUint64Array,
    count: number,
    rows: Float32Array,
    eventTimesMs: Float64Array,
    call: (size: number, start: number) => number,
  ): PushResult {
    const { dimension } = this.spec
    const long = ids.length >= count && eventTimesMs.length >= count && rows.length >= count * dimension
    assert(long, 'an array is too short')
    this.#writes++
    const kernel = this.#kernel
    let [updated, nonFinite, badTime, noMemory, unadmitted, evicted] = [0, 0, 0, 0, 0, 0]
    for (let start = 0; start < count; start += batchMax) {
      const size = this.#fillIds(ids, count, start)
      copyTimes(eventTimesMs, start, this.#views.times, size)
      copyFloats(rows, start * dimension, this.#views.floats, size * dimension)
      updated += call(size, start)
      nonFinite += kernel.nonFiniteRows()
      badTime += kernel.badTimeRows()
      noMemory += kernel.noMemoryRows()
      unadmitted += kernel.unadmittedRows()
      evicted += kernel.evictedRows()
      this.#freshViews()
    }
    return { updated, refused: nonFinite + badTime + noMemory, nonFinite, badTime, noMemory, unadmitted, evicted }
  }

  /** Returns how many of the `count` ids fit from `start`. */
  #fillIds(ids: BigUint64Array, count: number, start: number): number {
    const size = Math.min(batchMax, count - start)
    copyIds(this.#given.of(ids), start, this.#views.idHalves, size)
    return size
  }

  #admissionCells(): Uint32Array {
    return new Uint32Array(this.#kernel.memory.buffer, this.#kernel.admissionAddress() >>> 0, this.#cells)
  }

  /** A memory that has grown has a new buffer, and views of the old one are empty: due after each call that adds rows. */
  #freshViews(): void {
    if (this.#views.buffer !== this.#kernel.memory.buffer) this.#views = kernelViews(this.#kernel, this.#rowColumns)
  }
}
