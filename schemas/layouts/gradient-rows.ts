// Layout of the row gradients of one batch for one bucket, little-endian: u32 table count, u32 zero; then per table u32
// name bytes, u32 row count, u32 dimension, u32 zero, the name padded to a multiple of 8, u64 ids[count], f64
// eventTimesMs[count], u32 occurrences[count] padded to a multiple of 8, f32 values[count x dimension] padded likewise.

export interface TableGradient {
  readonly table: string
  readonly dimension: number
  /** Distinct. */
  readonly ids: BigUint64Array
  /** Newest event time behind each row's gradient. */
  readonly eventTimesMs: Float64Array
  /** How often each id was in the batch: what admission counts. */
  readonly occurrences: Uint32Array
  /** Row-major, rows x dimension, summed over the batch. */
  readonly values: Float32Array
}

const headerBytes = 8
const tableHeaderBytes = 16

export function encodeGradientRows(tables: readonly TableGradient[]): Uint8Array {
  const names = tables.map(({ table }) => new TextEncoder().encode(table))
  const size = tables.reduce((sum, own, index) => sum + sizeOf(names[index]!.length, own.ids.length, own.dimension), 0)
  const out = new Uint8Array(headerBytes + size)
  const view = new DataView(out.buffer)
  view.setUint32(0, tables.length, true)
  let byteOffset = headerBytes
  for (const [index, { dimension, ids, eventTimesMs, occurrences, values }] of tables.entries()) {
    view.setUint32(byteOffset, names[index]!.length, true)
    view.setUint32(byteOffset + 4, ids.length, true)
    view.setUint32(byteOffset + 8, dimension, true)
    byteOffset += tableHeaderBytes
    for (const part of [names[index]!, ids, eventTimesMs, occurrences, values]) {
      out.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), byteOffset)
      byteOffset += padded(part.byteLength)
    }
  }
  return out
}

/** Views of `bytes` where its start is 8-byte aligned, else of one copy. Throws RangeError on a wrong length. */
export function decodeGradientRows(bytes: Uint8Array): TableGradient[] {
  const { buffer, byteOffset: start, byteLength } = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  if (byteLength < headerBytes) throw new RangeError(`gradient rows of ${byteLength} bytes have no header`)
  const view = new DataView(buffer, start, byteLength)
  const count = view.getUint32(0, true)
  const tables: TableGradient[] = []
  let byteOffset = headerBytes
  for (let index = 0; index < count; index++) {
    if (byteOffset + tableHeaderBytes > byteLength) throw new RangeError(`gradient rows end within table ${index}`)
    const nameBytes = view.getUint32(byteOffset, true)
    const rows = view.getUint32(byteOffset + 4, true)
    const dimension = view.getUint32(byteOffset + 8, true)
    if (byteOffset + sizeOf(nameBytes, rows, dimension) > byteLength) {
      throw new RangeError(`gradient rows of ${byteLength} bytes, table ${index} needs more`)
    }
    let at = start + byteOffset + tableHeaderBytes
    const table = new TextDecoder().decode(new Uint8Array(buffer, at, nameBytes))
    at += padded(nameBytes)
    const ids = new BigUint64Array(buffer, at, rows)
    const eventTimesMs = new Float64Array(buffer, at + rows * 8, rows)
    const occurrences = new Uint32Array(buffer, at + rows * 16, rows)
    const values = new Float32Array(buffer, at + rows * 16 + padded(rows * 4), rows * dimension)
    tables.push({ table, dimension, ids, eventTimesMs, occurrences, values })
    byteOffset += sizeOf(nameBytes, rows, dimension)
  }
  if (byteOffset !== byteLength) throw new RangeError(`gradient rows of ${byteLength} bytes, expected ${byteOffset}`)
  return tables
}

function sizeOf(nameBytes: number, rows: number, dimension: number): number {
  return tableHeaderBytes + padded(nameBytes) + rows * 16 + padded(rows * 4) + padded(rows * dimension * 4)
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
