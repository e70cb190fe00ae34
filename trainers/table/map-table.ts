// The table as plain Maps: the reference that the WebAssembly table must equal byte for byte.

import { assert } from '../../streams/runtime/errors.ts'
import { AdmissionFilter } from './admission-filter.ts'
import { hashesOf, hashOf, idsOfHashes } from './id-hash.ts'
import { initialValues } from './initial-values.ts'
import { float32Max, type OptimizerReference } from './optimizers/optimizer.ts'
import type { PushResult, Table, TableSpec } from './table.ts'
import { dumpByteLength, emptyTableDump, readTableDump } from './table-dump.ts'
import { sliceOf, slicesOf } from './table-slices.ts'
import { assertTableSpec, gradientLimit, optimizerOf, rowColumnsOf } from './table-spec.ts'

const partBytes = 2 ** 20

interface Row {
  readonly values: Float32Array
  readonly state: Float32Array
  eventTimeMs: number
}

type Apply = (row: Row, given: Float32Array, eventTimeMs: number) => void
type Refusal = 'nonFinite' | 'badTime'

/** Simple and slow; holds what a Map can hold. */
export function mapTable(spec: TableSpec): Table {
  assertTableSpec(spec)
  return new MapTable(spec)
}

class MapTable implements Table {
  readonly spec: TableSpec
  readonly sliceCount: number
  readonly #optimizer: OptimizerReference
  readonly #filter: AdmissionFilter
  #rowByIdBySlice: readonly Map<bigint, Row>[]
  readonly #touched = new Set<bigint>()
  readonly #removed = new Set<bigint>()
  #writes = 0

  constructor(spec: TableSpec) {
    this.spec = spec
    this.sliceCount = slicesOf(spec).count
    this.#optimizer = optimizerOf(spec).reference(spec.optimizer, spec.dimension)
    this.#filter = new AdmissionFilter(spec.admission)
    this.#rowByIdBySlice = this.#emptySlices()
  }

  get rows(): number {
    return this.#rowByIdBySlice.reduce((rows, slice) => rows + slice.size, 0)
  }

  pull(ids: BigUint64Array, count: number, out: Float32Array): void {
    const { dimension } = this.spec
    assert(ids.length >= count && out.length >= count * dimension, 'pull: an array is too short')
    for (let index = 0; index < count; index++) {
      out.set(this.#row(ids[index]!)?.values ?? initialValues(this.spec, ids[index]!), index * dimension)
    }
  }

  contains(ids: BigUint64Array, count: number, out: Uint8Array): void {
    for (let index = 0; index < count; index++) out[index] = this.#row(ids[index]!) ? 1 : 0
  }

  eventTimes(ids: BigUint64Array, count: number, out: Float64Array): void {
    for (let index = 0; index < count; index++) out[index] = this.#row(ids[index]!)?.eventTimeMs ?? 0
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
    const admits = (id: bigint, index: number) => this.#filter.admits(hashOf(id), occurrences?.[index] ?? 1)
    const apply: Apply = (row, gradient, eventTimeMs) => {
      this.#optimizer.update(row.values, row.state, gradient, eventTimeMs - row.eventTimeMs)
      if (eventTimeMs > row.eventTimeMs) row.eventTimeMs = eventTimeMs
    }
    return this.#write(ids, count, gradients, eventTimesMs, gradientLimit, admits, apply, existed)
  }

  set(ids: BigUint64Array, count: number, values: Float32Array, eventTimesMs: Float64Array): PushResult {
    const admits = () => true
    return this.#write(ids, count, values, eventTimesMs, float32Max, admits, (row, value, eventTimeMs) => {
      row.values.set(value)
      row.eventTimeMs = eventTimeMs
    })
  }

  #write(
    ids: BigUint64Array,
    count: number,
    rows: Float32Array,
    eventTimesMs: Float64Array,
    limit: number,
    admits: (id: bigint, index: number) => boolean,
    apply: Apply,
    existed?: Uint8Array,
  ): PushResult {
    const { dimension } = this.spec
    const long = ids.length >= count && eventTimesMs.length >= count && rows.length >= count * dimension
    assert(long, 'an array is too short')
    this.#writes++
    const outcome = { updated: 0, nonFinite: 0, badTime: 0, noMemory: 0, unadmitted: 0, evicted: 0 }
    for (let index = 0; index < count; index++) {
      const id = ids[index]!
      if (existed) existed[index] = this.#row(id) ? 1 : 0
      if (id === 0n) continue
      const given = rows.subarray(index * dimension, (index + 1) * dimension)
      const eventTimeMs = eventTimesMs[index]!
      const refusal = refusalOf(given, eventTimeMs, limit)
      if (refusal) outcome[refusal]++
      else if (!this.#row(id) && !admits(id, index)) outcome.unadmitted++
      else {
        outcome.evicted += this.#makeRoom(id)
        apply(this.#ensure(id, eventTimeMs), given, eventTimeMs)
        this.#touched.add(id)
        outcome.updated++
      }
    }
    return { ...outcome, refused: outcome.nonFinite + outcome.badTime }
  }

  /** Before the id gets a row: removes the oldest ones of a slice that is full. */
  #makeRoom(id: bigint): number {
    const slices = slicesOf(this.spec)
    const slice = this.#slice(id)
    if (slice.has(id) || slice.size < slices.rowsMax) return 0
    const byAge = [...slice].sort(([leftId, left], [rightId, right]) => {
      return left.eventTimeMs - right.eventTimeMs || (leftId < rightId ? -1 : 1)
    })
    for (const [oldId] of byAge.slice(0, slices.evicted)) this.#forget(oldId, true)
    return slices.evicted
  }

  #ensure(id: bigint, eventTimeMs: number): Row {
    const found = this.#row(id)
    if (found) return found
    const values = initialValues(this.spec, id)
    const row = { values, state: new Float32Array(rowColumnsOf(this.spec) - values.length), eventTimeMs }
    this.#optimizer.start(row.values, row.state)
    this.#slice(id).set(id, row)
    return row
  }

  remove(ids: BigUint64Array, count: number): void {
    this.#writes++
    for (const id of ids.subarray(0, count)) this.#forget(id, false)
  }

  expire(watermarkMs: number, slice?: number): number {
    assert(Number.isFinite(watermarkMs), `expire: a watermark of ${watermarkMs}`)
    assert(slice === undefined || (slice >= 0 && slice < this.sliceCount), `expire: there is no slice ${slice}`)
    const { expiresAfterMs } = this.spec
    if (typeof expiresAfterMs !== 'number') return 0
    this.#writes++
    let expired = 0
    for (const rowById of slice === undefined ? this.#rowByIdBySlice : [this.#rowByIdBySlice[slice]!]) {
      for (const [id, { eventTimeMs }] of rowById) {
        if (eventTimeMs >= watermarkMs - expiresAfterMs) continue
        this.#forget(id, true)
        expired++
      }
    }
    return expired
  }

  drainTouched(): BigUint64Array {
    const ids = BigUint64Array.from(this.#touched).sort()
    this.#touched.clear()
    return ids
  }

  drainRemoved(): BigUint64Array {
    const ids = BigUint64Array.from([...this.#removed].filter((id) => !this.#row(id))).sort()
    this.#removed.clear()
    return ids
  }

  dump(): Uint8Array {
    const dump = emptyTableDump(this.spec, this.rows)
    const ids = BigUint64Array.from(this.#rowByIdBySlice.flatMap((slice) => [...slice.keys()]))
    dump.ids.set(idsOfHashes(hashesOf(ids).sort()))
    dump.admissionCells.set(this.#filter.cells)
    for (const [index, id] of dump.ids.entries()) {
      const row = this.#row(id)!
      dump.eventTimesMs[index] = row.eventTimeMs
      dump.rows.set(row.values, index * dump.columns)
      dump.rows.set(row.state, index * dump.columns + row.values.length)
    }
    return dump.bytes
  }

  get dumpByteLength(): number {
    return dumpByteLength(this.spec, this.rows)
  }

  *dumpParts(): Generator<Uint8Array> {
    const bytes = this.dump()
    const writes = this.#writes
    for (let start = 0; start < bytes.length; start += partBytes) {
      assert(writes === this.#writes, `table ${this.spec.name} was written to between two parts of its dump`)
      yield bytes.subarray(start, start + partBytes)
    }
  }

  load(bytes: Uint8Array): void {
    const { ids, eventTimesMs, rows, columns, admissionCells } = readTableDump(this.spec, bytes)
    const { dimension } = this.spec
    this.#writes++
    this.#touched.clear()
    this.#removed.clear()
    this.#filter.cells.set(admissionCells)
    this.#rowByIdBySlice = this.#emptySlices()
    for (const [index, id] of ids.entries()) {
      const row = rows.slice(index * columns, (index + 1) * columns)
      const [values, state] = [row.subarray(0, dimension), row.subarray(dimension)]
      this.#slice(id).set(id, { values, state, eventTimeMs: eventTimesMs[index]! })
    }
  }

  #emptySlices(): Map<bigint, Row>[] {
    return Array.from({ length: this.sliceCount }, () => new Map<bigint, Row>())
  }

  #slice(id: bigint): Map<bigint, Row> {
    const index = this.sliceCount === 1 ? 0 : sliceOf(slicesOf(this.spec), hashOf(id))
    return this.#rowByIdBySlice[index]!
  }

  #row(id: bigint): Row | undefined {
    return this.#slice(id).get(id)
  }

  #forget(id: bigint, reported: boolean): void {
    this.#slice(id).delete(id)
    this.#touched.delete(id)
    if (reported) this.#removed.add(id)
  }
}

function refusalOf(given: Float32Array, eventTimeMs: number, limit: number): Refusal | null {
  if (!Number.isFinite(eventTimeMs)) return 'badTime'
  return given.every((value) => Math.abs(value) <= limit) ? null : 'nonFinite'
}
