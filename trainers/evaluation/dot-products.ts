// One vector against many, as a scan of everything: what an index approximates.

/** `out[row]` becomes the dot product of `query` and the row of `rows` (row-major, as long as the query each). Four sums at a
 *  time: the additions need not wait for one another. */
export function dotProducts(query: Float32Array, rows: Float32Array, out: Float32Array): void {
  const dimension = query.length
  const whole = dimension - (dimension % 4)
  for (let row = 0, start = 0; row < out.length; row++, start += dimension) {
    let first = 0
    let second = 0
    let third = 0
    let fourth = 0
    for (let column = 0; column < whole; column += 4) {
      first += query[column]! * rows[start + column]!
      second += query[column + 1]! * rows[start + column + 1]!
      third += query[column + 2]! * rows[start + column + 2]!
      fourth += query[column + 3]! * rows[start + column + 3]!
    }
    for (let column = whole; column < dimension; column++) first += query[column]! * rows[start + column]!
    out[row] = first + second + third + fourth
  }
}
