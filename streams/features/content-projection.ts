// Content embeddings of any dimension as 64 numbers of unit length: normalised, then projected by seeded random signs, so
// angles are kept within about 1/8 (Johnson-Lindenstrauss; Achlioptas 2003).

export const contentDimension = 64
export const embeddingDimensionMax = 1_024

/** Sign matrices by input dimension, embeddingDimension x contentDimension, made once. */
const signsByDimension = new Map<number, Int8Array>()
const signSeed = 0x5eed

/** null where there is nothing to project: no numbers, too many, a NaN, or all zero. */
export function projectContent(embedding: readonly number[] | Float32Array | null): Float32Array | null {
  if (embedding === null || embedding.length === 0 || embedding.length > embeddingDimensionMax) return null
  const dimension = embedding.length
  const inputLength = lengthOf(embedding)
  if (!(inputLength > 0) || !Number.isFinite(inputLength)) return null
  const signs = signsOf(dimension)
  const sums = new Float64Array(contentDimension)
  for (let index = 0; index < dimension; index++) {
    const value = embedding[index]! / inputLength
    const row = index * contentDimension
    for (let column = 0; column < contentDimension; column++)
      sums[column] = sums[column]! + value * signs[row + column]!
  }
  const outputLength = lengthOf(sums)
  if (!(outputLength > 0)) return null
  return Float32Array.from(sums, (sum) => sum / outputLength)
}

function lengthOf(values: ArrayLike<number>): number {
  let squares = 0
  for (let index = 0; index < values.length; index++) squares += values[index]! * values[index]!
  return Math.sqrt(squares)
}

function signsOf(dimension: number): Int8Array {
  let signs = signsByDimension.get(dimension)
  if (!signs) {
    signs = new Int8Array(dimension * contentDimension)
    for (let place = 0; place < signs.length; place++) signs[place] = mix(place + signSeed * dimension) & 1 ? 1 : -1
    signsByDimension.set(dimension, signs)
  }
  return signs
}

/** Finalizer of MurmurHash3: every bit of the input moves the lowest of the output. */
function mix(value: number): number {
  let h = value >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
