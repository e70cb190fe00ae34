// The least squares problem of one row of implicit feedback, solved through the Cholesky factor of its normal equations.

/** Sum of the outer products of the rows of `matrix` (rows x factors), row-major. */
export function gramOf(matrix: Float32Array, factors: number): Float64Array {
  const gram = new Float64Array(factors * factors)
  for (let start = 0; start < matrix.length; start += factors) addOuter(gram, matrix, start, factors, 1)
  mirror(gram, factors)
  return gram
}

/** Keeps its work space: one system solves many rows. */
export class RidgeSystem {
  readonly #factors: number
  readonly #alpha: number
  readonly #regularization: number
  readonly #matrix: Float64Array
  readonly #vector: Float64Array

  constructor(factors: number, alpha: number, regularization: number) {
    this.#factors = factors
    this.#alpha = alpha
    this.#regularization = regularization
    this.#matrix = new Float64Array(factors * factors)
    this.#vector = new Float64Array(factors)
  }

  /**
   * Writes x of (G + alpha sum y y' + regularization I) x = (1 + alpha) sum y to `out` from `outStart` on, where y are the
   * rows `known` of `from`, and G is the gram matrix of `from`.
   */
  solve(gram: Float64Array, from: Float32Array, known: readonly number[], out: Float32Array, outStart: number): void {
    const factors = this.#factors
    const matrix = this.#matrix
    const vector = this.#vector
    matrix.set(gram)
    vector.fill(0)
    for (let factor = 0; factor < factors; factor++) matrix[factor * factors + factor]! += this.#regularization
    for (const row of known) {
      addOuter(matrix, from, row * factors, factors, this.#alpha)
      for (let factor = 0; factor < factors; factor++) {
        vector[factor]! += (1 + this.#alpha) * from[row * factors + factor]!
      }
    }
    choleskySolve(matrix, vector, factors)
    for (let factor = 0; factor < factors; factor++) out[outStart + factor] = vector[factor]!
  }
}

/** The lower triangle of `weight` times the outer product of one row. */
function addOuter(matrix: Float64Array, rows: Float32Array, start: number, factors: number, weight: number): void {
  for (let row = 0; row < factors; row++) {
    const left = weight * rows[start + row]!
    if (left === 0) continue
    for (let column = 0; column <= row; column++) matrix[row * factors + column]! += left * rows[start + column]!
  }
}

function mirror(matrix: Float64Array, factors: number): void {
  for (let row = 0; row < factors; row++) {
    for (let column = 0; column < row; column++) matrix[column * factors + row] = matrix[row * factors + column]!
  }
}

/** Overwrites the lower triangle of a positive definite matrix by its factor, and the vector by the solution. */
function choleskySolve(matrix: Float64Array, vector: Float64Array, factors: number): void {
  for (let row = 0; row < factors; row++) {
    const rowStart = row * factors
    for (let column = 0; column <= row; column++) {
      const columnStart = column * factors
      let sum = matrix[rowStart + column]!
      for (let inner = 0; inner < column; inner++) sum -= matrix[rowStart + inner]! * matrix[columnStart + inner]!
      matrix[rowStart + column] = row === column ? Math.sqrt(sum) : sum / matrix[columnStart + column]!
    }
    let known = vector[row]!
    for (let inner = 0; inner < row; inner++) known -= matrix[rowStart + inner]! * vector[inner]!
    vector[row] = known / matrix[rowStart + row]!
  }
  for (let row = factors - 1; row >= 0; row--) {
    let known = vector[row]!
    for (let below = row + 1; below < factors; below++) known -= matrix[below * factors + row]! * vector[below]!
    vector[row] = known / matrix[row * factors + row]!
  }
}
