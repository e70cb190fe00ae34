// The table as a plain Map: the reference that the WebAssembly table must equal byte for byte.

import type { PushResult, Table, TableSpec } from './table.ts'
import { emptyTableDump, readTableDump } from './table-dump.ts'
import { assertTableSpec, gradientLimit, type OptimizerNumbers, optimizerNumbersOf } from './table-spec.ts'

const float32Max = (2 - 2 ** -23) * 2 ** 127

interface Row {
  /** Values, then optimizer state. */
  readonly columns: Float32Array
  eventTimeMs: number
}

/** Simple and slow; holds what a Map can hold. */
export function mapTable(spec: TableSpec): Table {
  assertTableSpec(spec)
  return new MapTable(spec)
}

class MapTable implements Table {
  readonly spec: TableSpec
  readonly #numbers: OptimizerNumbers
  #rowById = new Map<bigint, Row>()
  #touched = new Set<bigint>()

  constructor(spec: TableSpec) {
    this.spec = spec
    this.#numbers = optimizerNumbersOf(spec)
  }

  get rows(): number {
    return this.#rowById.size
  }

  pull(ids: BigUint64Array, count: number, out: Float32Array): void {
    const { dimension } = this.spec
    for (let index = 0; index < count; index++) {
      const id = ids[index]!
      const row = this.#rowById.get(id)
      out.set(row?.columns.subarray(0, dimension) ?? initialValues(this.spec, id), index * dimension)
    }
  }

  contains(ids: BigUint64Array, count: number, out: Uint8Array): void {
    for (let index = 0; index < count; index++) out[index] = this.#rowById.has(ids[index]!) ? 1 : 0
  }

  eventTimes(ids: BigUint64Array, count: number, out: Float64Array): void {
    for (let index = 0; index < count; index++) out[index] = this.#rowById.get(ids[index]!)?.eventTimeMs ?? 0
  }

  push(ids: BigUint64Array, count: number, gradients: Float32Array, eventTimesMs: Float64Array): PushResult {
    return this.#write(ids, count, gradients, eventTimesMs, gradientLimit, (row, gradient, eventTimeMs) => {
      update(this.#numbers, row.columns, gradient, eventTimeMs - row.eventTimeMs)
      if (eventTimeMs > row.eventTimeMs) row.eventTimeMs = eventTimeMs
    })
  }

  set(ids: BigUint64Array, count: number, values: Float32Array, eventTimesMs: Float64Array): PushResult {
    return this.#write(ids, count, values, eventTimesMs, float32Max, (row, value, eventTimeMs) => {
      row.columns.set(value)
      row.eventTimeMs = eventTimeMs
    })
  }

  #write(
    ids: BigUint64Array,
    count: number,
    rows: Float32Array,
    eventTimesMs: Float64Array,
    limit: number,
    apply: (row: Row, given: Float32Array, eventTimeMs: number) => void,
  ): PushResult {
    const { dimension } = this.spec
    let updated = 0
    let refused = 0
    for (let index = 0; index < count; index++) {
      const id = ids[index]!
      if (id === 0n) continue
      const given = rows.subarray(index * dimension, (index + 1) * dimension)
      const eventTimeMs = eventTimesMs[index]!
      const accepted = Number.isFinite(eventTimeMs) && given.every((value) => Math.abs(value) <= limit)
      const row = accepted ? this.#ensure(id, eventTimeMs) : undefined
      if (row === undefined) {
        refused++
        continue
      }
      apply(row, given, eventTimeMs)
      this.#touched.add(id)
      updated++
    }
    return { updated, refused }
  }

  #ensure(id: bigint, eventTimeMs: number): Row | undefined {
    const found = this.#rowById.get(id)
    if (found !== undefined || this.#rowById.size >= this.spec.rowsMax) return found
    const columns = new Float32Array(this.spec.dimension + this.#numbers.stateColumns)
    columns.set(initialValues(this.spec, id))
    columns.fill(this.#numbers.initialState, this.spec.dimension)
    const row = { columns, eventTimeMs }
    this.#rowById.set(id, row)
    return row
  }

  remove(ids: BigUint64Array, count: number): void {
    for (const id of ids.subarray(0, count)) {
      this.#rowById.delete(id)
      this.#touched.delete(id)
    }
  }

  drainTouched(): BigUint64Array {
    const ids = BigUint64Array.from(this.#touched).sort()
    this.#touched.clear()
    return ids
  }

  dump(): Uint8Array {
    const { bytes, ids, eventTimesMs, rows, columns } = emptyTableDump(this.spec, this.rows)
    ids.set(BigUint64Array.from(this.#rowById.keys()).sort())
    for (const [index, id] of ids.entries()) {
      const row = this.#rowById.get(id)!
      eventTimesMs[index] = row.eventTimeMs
      rows.set(row.columns, index * columns)
    }
    return bytes
  }

  load(dump: Uint8Array): void {
    const { ids, eventTimesMs, rows, columns } = readTableDump(this.spec, dump)
    this.#touched.clear()
    this.#rowById = new Map()
    for (const [index, id] of ids.entries()) {
      const row = rows.slice(index * columns, (index + 1) * columns)
      this.#rowById.set(id, { columns: row, eventTimeMs: eventTimesMs[index]! })
    }
  }
}

/** Uniform in [-scale, scale], from the id and the seed alone (murmur3's 32-bit finalizer over both halves). */
function initialValues({ dimension, initialScale, seed }: TableSpec, id: bigint): Float32Array {
  const values = new Float32Array(dimension)
  if (initialScale === 0 || id === 0n) return values
  const scale = Math.fround(initialScale)
  const low = mixed(Number(id & 0xffffffffn) ^ seed)
  const high = mixed(Number(id >> 32n) + low)
  for (let column = 0; column < dimension; column++) {
    const bits = mixed(high ^ mixed(low + Math.imul(column + 1, 0x9e3779b9)))
    const odd = (((bits >>> 9) << 1) | 1) - 2 ** 23
    values[column] = odd * 2 ** -23 * scale
  }
  return values
}

function mixed(bits: number): number {
  let x = bits | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) | 0
}

function update(numbers: OptimizerNumbers, columns: Float32Array, gradient: Float32Array, elapsedMs: number): void {
  const { fround } = Math
  const { kind, learningRate, epsilon, halfLifeMs } = numbers
  const keep = elapsedMs > 0 ? fround(halved(elapsedMs / halfLifeMs)) : 1
  for (const [column, g] of gradient.entries()) {
    const value = columns[column]!
    if (kind === 0) {
      const sum = Math.min(fround(columns[gradient.length + column]! + fround(g * g)), float32Max)
      columns[gradient.length + column] = sum
      const divisor = fround(fround(Math.sqrt(sum)) + epsilon)
      columns[column] = value - fround(fround(learningRate * g) / divisor)
    } else if (kind === 1) columns[column] = value - fround(learningRate * g)
    else if (kind === 2) columns[column] = value + g
    else columns[column] = fround(value * keep) + g
  }
}

/** 2^-x for x >= 0 in basic operations only, because engines differ in the last digit of Math.pow. */
function halved(x: number): number {
  if (x >= 1022) return 0
  const whole = Math.floor(x + 0.5)
  const y = (whole - x) * Math.LN2
  let sum = 1
  for (let k = 13; k >= 1; k--) sum = 1 + (sum * y) / k
  return sum * powerOfHalf(whole)
}

function powerOfHalf(exponent: number): number {
  return new Float64Array(BigUint64Array.of(BigInt(1023 - exponent) << 52n).buffer)[0]!
}
