// A table's dump: little-endian, column by column so that each part is one aligned view. Header of 32 bytes (u32 magic,
// version, dimension, optimizer kind, state columns, zero; f64 row count), then u64 ids[count] ascending, f64
// eventTimesMs[count], f32 rows[count x (dimension + state columns)], values before state.

import type { TableSpec } from './table.ts'
import { optimizerNumbersOf } from './table-spec.ts'

const headerBytes = 32
/** "FRTB" as bytes. */
const magic = 0x42545246
const version = 1

export interface TableDump {
  readonly bytes: Uint8Array
  readonly ids: BigUint64Array
  readonly eventTimesMs: Float64Array
  /** Row-major, count x columns. */
  readonly rows: Float32Array
  readonly columns: number
}

/** A dump with its header written and its columns still zero. */
export function emptyTableDump(spec: TableSpec, count: number): TableDump {
  const { kind, stateColumns } = optimizerNumbersOf(spec)
  const columns = spec.dimension + stateColumns
  const bytes = new Uint8Array(headerBytes + count * (16 + columns * 4))
  const header = new DataView(bytes.buffer)
  for (const [position, value] of [magic, version, spec.dimension, kind, stateColumns, 0].entries()) {
    header.setUint32(position * 4, value, true)
  }
  header.setFloat64(24, count, true)
  return viewsOf(bytes, count, columns)
}

/** Views into `bytes` (copied first when they are not 8-byte aligned). Throws RangeError on a dump that does not fit. */
export function readTableDump(spec: TableSpec, bytes: Uint8Array): TableDump {
  const { kind, stateColumns } = optimizerNumbersOf(spec)
  const columns = spec.dimension + stateColumns
  if (bytes.byteLength < headerBytes) throw misfit(spec, `${bytes.byteLength} bytes are too few`)
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerBytes)
  for (const [position, value] of [magic, version, spec.dimension, kind, stateColumns, 0].entries()) {
    const found = header.getUint32(position * 4, true)
    if (found !== value) throw misfit(spec, `${headerNames[position]} is ${found}, expected ${value}`)
  }
  const count = header.getFloat64(24, true)
  if (!(Number.isInteger(count) && count >= 0 && count <= spec.rowsMax)) {
    throw misfit(spec, `${count} rows, at most ${spec.rowsMax} have a place`)
  }
  const want = headerBytes + count * (16 + columns * 4)
  if (bytes.byteLength !== want) throw misfit(spec, `${bytes.byteLength} bytes, expected ${want}`)
  const dump = viewsOf(bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes), count, columns)
  checkColumns(spec, dump)
  return dump
}

const headerNames = [
  'the magic number',
  'the version',
  'the dimension',
  'the optimizer',
  'the state width',
  'the padding',
]

function viewsOf(bytes: Uint8Array, count: number, columns: number): TableDump {
  const start = bytes.byteOffset + headerBytes
  return {
    bytes,
    ids: new BigUint64Array(bytes.buffer, start, count),
    eventTimesMs: new Float64Array(bytes.buffer, start + count * 8, count),
    rows: new Float32Array(bytes.buffer, start + count * 16, count * columns),
    columns,
  }
}

function checkColumns(spec: TableSpec, { ids, eventTimesMs, rows }: TableDump): void {
  let previous = 0n
  for (const id of ids) {
    if (id <= previous) throw misfit(spec, `id ${id} follows ${previous}`)
    previous = id
  }
  for (let index = 0; index < eventTimesMs.length; index++) {
    if (!Number.isFinite(eventTimesMs[index])) throw misfit(spec, `an event time is ${eventTimesMs[index]}`)
  }
  for (let index = 0; index < rows.length; index++) {
    if (!Number.isFinite(rows[index])) throw misfit(spec, `a value is ${rows[index]}`)
  }
}

function misfit(spec: TableSpec, what: string): RangeError {
  return new RangeError(`dump does not fit table ${spec.name}: ${what}`)
}
