// A table's dump: little-endian. Header of 32 bytes (u32 magic, version, dimension, optimizer number, state columns,
// admission cells; f64 row count), then the admission cells (u32 each), then the rows ascending by their ids' hash, in
// blocks of 256: u64 ids, f64 event times, f32 rows (values before state). The last block holds what is left. Each column
// of a block is one aligned view, and a dump can be written and read block by block.

import { admissionCellsOf } from './admission-filter.ts'
import { hashesOf } from './id-hash.ts'
import type { TableSpec } from './table.ts'
import { slicesOf } from './table-slices.ts'
import { optimizerOf, rowColumnsOf } from './table-spec.ts'

export const rowsPerBlock = 256
const headerBytes = 32
/** "FRTB" as bytes. */
const magic = 0x42545246
const version = 2

/** Rows of a dump, or of one of its blocks. */
export interface DumpRows {
  readonly ids: BigUint64Array
  readonly eventTimesMs: Float64Array
  /** Row-major, count x columns. */
  readonly rows: Float32Array
}

export interface TableDump extends DumpRows {
  readonly columns: number
  readonly admissionCells: Uint32Array
  /** The whole dump, made from the arrays as they are now. */
  readonly bytes: Uint8Array
}

/** What the header says, checked against the spec and the length. */
export interface DumpShape {
  readonly count: number
  readonly columns: number
  readonly cells: number
}

/** Size of a dump of so many rows. */
export function dumpByteLength(spec: TableSpec, count: number): number {
  return blocksAt(shapeOf(spec, count), count)
}

/** The dump's bytes before its blocks. */
export function dumpHead(spec: TableSpec, count: number, admissionCells: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(headerBytes + admissionCells.byteLength)
  const header = new DataView(bytes.buffer)
  for (const [position, value] of headerOf(spec).entries()) header.setUint32(position * 4, value, true)
  header.setFloat64(24, count, true)
  new Uint32Array(bytes.buffer, headerBytes).set(admissionCells)
  return bytes
}

/** Views of the columns of a block of `count` rows at `byteOffset`, which is a multiple of 8. */
export function blockViews(buffer: ArrayBufferLike, byteOffset: number, count: number, columns: number): DumpRows {
  return {
    ids: new BigUint64Array(buffer, byteOffset, count),
    eventTimesMs: new Float64Array(buffer, byteOffset + count * 8, count),
    rows: new Float32Array(buffer, byteOffset + count * 16, count * columns),
  }
}

/** Arrays for `count` rows, still zero; `bytes` gives the dump of what they then hold. */
export function emptyTableDump(spec: TableSpec, count: number): TableDump {
  const { columns, cells } = shapeOf(spec, count)
  return {
    ids: new BigUint64Array(count),
    eventTimesMs: new Float64Array(count),
    rows: new Float32Array(count * columns),
    columns,
    admissionCells: new Uint32Array(cells),
    get bytes() {
      return packed(spec, this)
    },
  }
}

/** Copies of the dump's rows in one piece each. Throws RangeError on a dump that does not fit. */
export function readTableDump(spec: TableSpec, bytes: Uint8Array): TableDump {
  const aligned = checkedTableDump(spec, bytes)
  const { count } = dumpShape(spec, aligned)
  const dump = emptyTableDump(spec, count)
  dump.admissionCells.set(admissionCellsIn(spec, aligned))
  for (const { start, block } of dumpBlocks(spec, aligned)) {
    dump.ids.set(block.ids, start)
    dump.eventTimesMs.set(block.eventTimesMs, start)
    dump.rows.set(block.rows, start * dump.columns)
  }
  return dump
}

/** The same bytes, copied where they were not 8-byte aligned, after every row was checked. Throws RangeError. */
export function checkedTableDump(spec: TableSpec, bytes: Uint8Array): Uint8Array {
  dumpShape(spec, bytes)
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  const slices = slicesOf(spec)
  const rowsBySlice = new Uint32Array(slices.count)
  let previous = -1n
  for (const { block } of dumpBlocks(spec, aligned)) {
    const hashes = hashesOf(block.ids)
    const sliceShift = BigInt(64 - slices.bits)
    for (let index = 0; index < hashes.length; index++) {
      const hash = hashes[index]!
      if (hash <= previous || hash === 0n) throw misfit(spec, `id ${block.ids[index]} is out of order`)
      previous = hash
      rowsBySlice[slices.bits === 0 ? 0 : Number(hash >> sliceShift)]! += 1
    }
    checkNumbers(spec, block)
  }
  const crowded = rowsBySlice.findIndex((rows) => rows > slices.rowsMax)
  if (crowded >= 0) throw misfit(spec, `slice ${crowded} has ${rowsBySlice[crowded]} rows of ${slices.rowsMax}`)
  return aligned
}

/** Throws RangeError when the header or the length do not fit the spec. */
export function dumpShape(spec: TableSpec, bytes: Uint8Array): DumpShape {
  if (bytes.byteLength < headerBytes) throw misfit(spec, `${bytes.byteLength} bytes are too few`)
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerBytes)
  for (const [position, value] of headerOf(spec).entries()) {
    const found = header.getUint32(position * 4, true)
    if (found !== value) throw misfit(spec, `${headerNames[position]} is ${found}, expected ${value}`)
  }
  const count = header.getFloat64(24, true)
  if (!(Number.isInteger(count) && count >= 0 && count <= spec.rowsMax)) {
    throw misfit(spec, `${count} rows, at most ${spec.rowsMax} have a place`)
  }
  const want = dumpByteLength(spec, count)
  if (bytes.byteLength !== want) throw misfit(spec, `${bytes.byteLength} bytes, expected ${want}`)
  return shapeOf(spec, count)
}

/** The blocks of a dump that was checked, as views. */
export function* dumpBlocks(
  spec: TableSpec,
  bytes: Uint8Array,
): Generator<{ readonly start: number; readonly block: DumpRows }> {
  const shape = dumpShape(spec, bytes)
  for (let start = 0; start < shape.count; start += rowsPerBlock) {
    const size = Math.min(rowsPerBlock, shape.count - start)
    const byteOffset = bytes.byteOffset + blocksAt(shape, start)
    yield { start, block: blockViews(bytes.buffer, byteOffset, size, shape.columns) }
  }
}

/** A view of the admission cells. */
export function admissionCellsIn(spec: TableSpec, bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset + headerBytes, dumpShape(spec, bytes).cells)
}

const headerNames = [
  'the magic number',
  'the version',
  'the dimension',
  'the optimizer',
  'the state width',
  'the number of admission cells',
]

function headerOf(spec: TableSpec): number[] {
  const { number, stateColumns } = optimizerOf(spec)
  const cells = admissionCellsOf(spec.admission)
  return [magic, version, spec.dimension, number, stateColumns(spec.dimension), cells]
}

function shapeOf(spec: TableSpec, count: number): DumpShape {
  return { count, columns: rowColumnsOf(spec), cells: admissionCellsOf(spec.admission) }
}

/** Where the block starts whose first row is this one. */
function blocksAt({ columns, cells }: DumpShape, row: number): number {
  return headerBytes + cells * 4 + row * (16 + columns * 4)
}

function packed(spec: TableSpec, dump: TableDump): Uint8Array {
  const { ids, columns } = dump
  const shape = shapeOf(spec, ids.length)
  const bytes = new Uint8Array(blocksAt(shape, ids.length))
  bytes.set(dumpHead(spec, ids.length, dump.admissionCells))
  for (let start = 0; start < ids.length; start += rowsPerBlock) {
    const end = Math.min(start + rowsPerBlock, ids.length)
    const block = blockViews(bytes.buffer, blocksAt(shape, start), end - start, columns)
    block.ids.set(ids.subarray(start, end))
    block.eventTimesMs.set(dump.eventTimesMs.subarray(start, end))
    block.rows.set(dump.rows.subarray(start * columns, end * columns))
  }
  return bytes
}

function checkNumbers(spec: TableSpec, { eventTimesMs, rows }: DumpRows): void {
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
