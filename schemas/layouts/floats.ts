// float32 vectors as bytes, little-endian.
import { alignedTo, bytesOfFew, fewMax } from './byte-slabs.ts'

/** A view of the values, of a copy where they are few. */
export function encodeFloats(values: Float32Array): Uint8Array {
  if (values.length <= fewMax) return bytesOfFew(values)
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

/** A view where the bytes are 4-byte aligned, else of a copy. */
export function decodeFloats(bytes: Uint8Array): Float32Array {
  const aligned = alignedTo(4, bytes)
  return new Float32Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / 4))
}
