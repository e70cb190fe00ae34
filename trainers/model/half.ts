// Weights as they travel: rounded to fp16, kept within its range.

/** Largest finite fp16. */
const halfMax = 65_504

/** Bits of 2^-14, the smallest fp16 with a full significand, and of `halfMax`. */
const normalBits = 0x38800000
const halfMaxBits = 0x477fe000

/** Rounds in place to what a delta of half precision carries: to the nearest fp16, of two as near to the even one. */
export function roundToHalf(values: Float32Array): Float32Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!
    const magnitude = word & 0x7fffffff
    // The 13 bits that fp16 lacks go, carrying upwards where they are above a half.
    if (magnitude >= normalBits && magnitude <= halfMaxBits)
      words[index] = (word + 0xfff + ((word >>> 13) & 1)) & ~0x1fff
    else values[index] = Math.f16round(Math.min(halfMax, Math.max(-halfMax, values[index]!)))
  }
  return values
}
