// What the towers are trained on: in-batch sampled softmax with log-Q correction (Yi et al. 2019, "Sampling-bias-corrected
// neural modeling"): each row with a weight picks its own entry among the entries of the batch.
import type { ComputeDriver, InBatchChoice, MatrixArena } from './network/matrix-arena.ts'

export interface VectorGradients {
  /** rows x dimension each; good until the next call. */
  readonly query: Float32Array
  readonly entry: Float32Array
}

export class RetrievalGradient {
  readonly #arena: MatrixArena

  constructor(driver: ComputeDriver) {
    this.#arena = driver.arena([])
  }

  /** Of - sum over rows of weight * log softmax(own entry), at both vectors, which are rows x dimension. */
  of(queries: Float32Array, entries: Float32Array, dimension: number, choice: InBatchChoice): VectorGradients {
    const arena = this.#arena
    arena.clear()
    const rows = choice.weights.length
    const [query, entry] = [arena.write(rows, dimension, queries), arena.write(rows, dimension, entries)]
    const similarities = arena.multiply(query, entry, { transposeRight: true })
    const above = arena.inBatchSoftmaxGradient(similarities, choice)
    const ofQuery = arena.multiply(above, entry)
    const ofEntry = arena.multiply(above, query, { transposeLeft: true })
    const [queryGradient, entryGradient] = arena.read([ofQuery, ofEntry])
    return { query: queryGradient!, entry: entryGradient! }
  }

  dispose(): void {
    this.#arena.dispose()
  }
}

/** A number for each distinct id, in order of appearance: what InBatchChoice calls groups. */
export function groupNumbers(ids: BigUint64Array): Float32Array {
  const numberById = new Map<bigint, number>()
  return Float32Array.from(ids, (id) => {
    const known = numberById.get(id) ?? numberById.size
    numberById.set(id, known)
    return known
  })
}
