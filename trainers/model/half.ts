// Weights as they travel: rounded to fp16, kept within its range.

/** Largest finite fp16. */
const halfMax = 65_504

/** Rounds in place to what a delta of half precision carries. */
export function roundToHalf(values: Float32Array): Float32Array {
  for (let index = 0; index < values.length; index++) {
    values[index] = Math.f16round(Math.min(halfMax, Math.max(-halfMax, values[index]!)))
  }
  return values
}
