// Layout of frozen features, little-endian: u16 id count, u16 dense count, u32 zero, then u64 row ids, then f32 dense
// values. Which id and which value stand where is named by the record's featureSet.

import { alignedTo, type ByteMemory } from './byte-slabs.ts'

export interface FeatureRow {
  readonly ids: BigUint64Array
  readonly dense: Float32Array
}

const headerBytes = 8

export function encodeFeatureRow(ids: BigUint64Array, dense: Float32Array): Uint8Array {
  const out = new Uint8Array(headerBytes + ids.byteLength + dense.byteLength)
  const view = new DataView(out.buffer)
  view.setUint16(0, ids.length, true)
  view.setUint16(2, dense.length, true)
  out.set(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), headerBytes)
  out.set(new Uint8Array(dense.buffer, dense.byteOffset, dense.byteLength), headerBytes + ids.byteLength)
  return out
}

/** Views of `bytes` where its start is 8-byte aligned, else of one copy in `memory`. Throws RangeError on a wrong length. */
export function decodeFeatureRow(bytes: Uint8Array, memory?: ByteMemory): FeatureRow {
  const aligned = alignedTo(8, bytes, memory)
  if (aligned.byteLength < headerBytes) throw new RangeError(`feature row of ${aligned.byteLength} bytes has no header`)
  const idCount = aligned[0]! | (aligned[1]! << 8)
  const denseCount = aligned[2]! | (aligned[3]! << 8)
  const want = headerBytes + idCount * 8 + denseCount * 4
  if (aligned.byteLength !== want) throw new RangeError(`feature row of ${aligned.byteLength} bytes, expected ${want}`)
  const start = aligned.byteOffset + headerBytes
  return {
    ids: new BigUint64Array(aligned.buffer, start, idCount),
    dense: new Float32Array(aligned.buffer, start + idCount * 8, denseCount),
  }
}
