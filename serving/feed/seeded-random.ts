// Random numbers that depend on a text alone: the same request explores the same way in every replay.
import { checksum } from '../../schemas/ids.ts'

export interface SeededRandom {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Whole number in [0, bound). */
  below(bound: number): number
  /** Beta distributed; both shapes above 0. */
  beta(alpha: number, beta: number): number
}

/** sfc32 (Doty-Humphrey, PractRand) started from XXH64 of the text. */
export function seededRandom(text: string): SeededRandom {
  const hash = checksum(new TextEncoder().encode(text))
  let a = Number.parseInt(hash.slice(0, 8), 16)
  let b = Number.parseInt(hash.slice(8), 16)
  let c = 0x9e3779b9
  let counter = 1

  function uniform(): number {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return (sum >>> 0) / 2 ** 32
  }

  /** Polar method. */
  function normal(): number {
    for (;;) {
      const x = 2 * uniform() - 1
      const y = 2 * uniform() - 1
      const square = x * x + y * y
      if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square)
    }
  }

  /** Marsaglia and Tsang 2000; shapes under 1 by their boost. */
  function gamma(shape: number): number {
    if (shape < 1) return gamma(shape + 1) * Math.max(uniform(), 1e-12) ** (1 / shape)
    const d = shape - 1 / 3
    const c3 = 1 / Math.sqrt(9 * d)
    for (;;) {
      const x = normal()
      const cube = (1 + c3 * x) ** 3
      if (cube > 0 && Math.log(Math.max(uniform(), 1e-300)) < 0.5 * x * x + d - d * cube + d * Math.log(cube)) {
        return d * cube
      }
    }
  }

  // The first outputs still show how few bits the seed has.
  for (let round = 0; round < 12; round++) uniform()
  return {
    uniform,
    below: (bound) => Math.floor(uniform() * bound),
    beta(alpha, betaShape) {
      const left = gamma(alpha)
      const right = gamma(betaShape)
      return left + right > 0 ? left / (left + right) : alpha / (alpha + betaShape)
    },
  }
}
