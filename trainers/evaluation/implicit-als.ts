// Matrix factorisation of who watched what, by alternating least squares on implicit feedback: the baseline of retrieval that
// a nightly batch job would give.
import { seededRandom } from '../../streams/runtime/simulated-runtime.ts'
import { dotProducts } from './dot-products.ts'
import { gramOf, RidgeSystem } from './ridge-system.ts'

export interface AlsOptions {
  readonly factors: number
  /** What each positive weighs above the 1 of everything else. */
  readonly alpha: number
  /** Ridge on every factor. */
  readonly regularization: number
  readonly seed: number
}

/** Did best on a week of the KuaiRand log, where most users have few positives. */
export const alsDefaults: AlsOptions = { factors: 32, alpha: 10, regularization: 50, seed: 1 }

/**
 * Hu, Koren and Volinsky 2008: minimises sum over all (u, v) of c (p - x_u . y_v)^2 + regularization (|x|^2 + |y|^2), where
 * p is 1 and c is 1 + alpha for a positive, else 0 and 1. Videos are numbers from 0 on; those in no positive have zero
 * factors. Refitting starts from the factors of the last fit.
 */
export class ImplicitAls {
  readonly #options: AlsOptions
  readonly #random: () => number
  readonly #system: RidgeSystem
  #videoFactors = new Float32Array(0)
  #gram: Float64Array

  constructor(options: AlsOptions = alsDefaults) {
    this.#options = options
    this.#random = seededRandom(options.seed)
    this.#system = new RidgeSystem(options.factors, options.alpha, options.regularization)
    this.#gram = new Float64Array(options.factors ** 2)
  }

  /** `videosByUser`: each user's distinct positives. O(rounds (positives f^2 + (users + videos) f^3)). */
  fit(videosByUser: readonly (readonly number[])[], videoCount: number, rounds: number): void {
    const { factors } = this.#options
    this.#grow(videoCount)
    const usersByVideo = Array.from({ length: videoCount }, (): number[] => [])
    for (const [user, videos] of videosByUser.entries()) for (const video of videos) usersByVideo[video]!.push(user)
    const userFactors = new Float32Array(videosByUser.length * factors)
    for (let round = 0; round < rounds; round++) {
      this.#solveAll(userFactors, this.#videoFactors, videosByUser)
      this.#solveAll(this.#videoFactors, userFactors, usersByVideo)
    }
    this.#gram = gramOf(this.#videoFactors, factors)
  }

  /** Scores of videos 0 to count - 1 for a user with these positives, whose factors are solved for now; null where none of
   *  them was known at the last fit. */
  scores(positives: readonly number[], count: number): Float32Array | null {
    const { factors } = this.#options
    const known = positives.filter((video) => video * factors < this.#videoFactors.length)
    if (known.length === 0) return null
    const user = new Float32Array(factors)
    this.#system.solve(this.#gram, this.#videoFactors, known, user, 0)
    const scores = new Float32Array(count)
    dotProducts(user, this.#videoFactors, scores.subarray(0, Math.min(count, this.#videoFactors.length / factors)))
    return scores
  }

  #solveAll(into: Float32Array, from: Float32Array, positives: readonly (readonly number[])[]): void {
    const { factors } = this.#options
    const gram = gramOf(from, factors)
    for (const [row, known] of positives.entries()) {
      if (known.length === 0) into.fill(0, row * factors, (row + 1) * factors)
      else this.#system.solve(gram, from, known, into, row * factors)
    }
  }

  /** New videos start at small random factors. */
  #grow(videoCount: number): void {
    const before = this.#videoFactors
    if (before.length >= videoCount * this.#options.factors) return
    this.#videoFactors = new Float32Array(videoCount * this.#options.factors)
    this.#videoFactors.set(before)
    for (let index = before.length; index < this.#videoFactors.length; index++) {
      this.#videoFactors[index] = (this.#random() - 0.5) * 0.2
    }
  }
}
