// Layout of changed rows, little-endian, `count` rows of `dimension` values, column by column so that each part is one
// aligned view: u32 count, u32 zero, u64 ids[count], f64 eventTimeMs[count], then values[count x dimension] as f32 or fp16.

export interface DeltaRows {
  readonly ids: BigUint64Array
  readonly eventTimesMs: Float64Array
  /** Row-major, count x dimension. */
  readonly values: Float32Array
}

const headerBytes = 8

export function encodeDeltaRows(rows: DeltaRows, half: boolean): Uint8Array {
  const count = rows.ids.length
  const valuesStart = headerBytes + count * 16
  const out = new Uint8Array(valuesStart + rows.values.length * (half ? 2 : 4))
  new DataView(out.buffer).setUint32(0, count, true)
  out.set(bytesOf(rows.ids), headerBytes)
  out.set(bytesOf(rows.eventTimesMs), headerBytes + count * 8)
  const values = half ? new Float16Array(out.buffer, valuesStart) : new Float32Array(out.buffer, valuesStart)
  values.set(rows.values)
  return out
}

/** Throws RangeError when the length does not fit. fp16 values are widened. */
export function decodeDeltaRows(bytes: Uint8Array, dimension: number, half: boolean): DeltaRows {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  const { buffer, byteOffset, byteLength } = aligned
  const count = byteLength < headerBytes ? 0 : new DataView(buffer, byteOffset, headerBytes).getUint32(0, true)
  const want = headerBytes + count * 16 + count * dimension * (half ? 2 : 4)
  if (byteLength !== want) throw new RangeError(`delta rows of ${byteLength} bytes, expected ${want}`)
  const start = byteOffset + headerBytes
  const valuesStart = start + count * 16
  return {
    ids: new BigUint64Array(buffer, start, count),
    eventTimesMs: new Float64Array(buffer, start + count * 8, count),
    values: half
      ? Float32Array.from(new Float16Array(buffer, valuesStart, count * dimension))
      : new Float32Array(buffer, valuesStart, count * dimension),
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
