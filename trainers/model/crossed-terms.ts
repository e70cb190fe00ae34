// Where the two sides of an example meet: factorization term, product of history and entry, their dot, written into the
// entry's input behind the similarity; and the way back for their gradients.
import type { InputLayout, RankerLayout } from './model-layout.ts'

/**
 * Fills the crossed columns of `entry` (rows x entry.columns) from the slots of both inputs. `query` holds a row per entry,
 * or one that serves all: `queryStride` is then 0.
 *
 * Factorization term (Rendle 2010): 0.5 ((sum v)^2 - sum v^2) over the slots of both sides.
 */
export function writeCrossed(
  layout: RankerLayout,
  query: Float32Array,
  queryStride: number,
  entry: Float32Array,
  rowCount: number,
): void {
  const { dimension } = layout.query
  const sums = new Float64Array(dimension)
  const squares = new Float64Array(dimension)
  const querySums = new Float64Array(dimension)
  const querySquares = new Float64Array(dimension)
  for (let rowIndex = 0; rowIndex < rowCount; rowIndex++) {
    const queryStart = rowIndex * queryStride
    const entryStart = rowIndex * layout.entry.columns
    const crossed = entryStart + layout.crossedColumn
    if (queryStride > 0 || rowIndex === 0) {
      querySums.fill(0)
      querySquares.fill(0)
      addSlots(layout.query, query, queryStart, querySums, querySquares)
    }
    sums.set(querySums)
    squares.set(querySquares)
    addSlots(layout.entry, entry, entryStart, sums, squares)
    let dot = 0
    for (let column = 0; column < dimension; column++) {
      entry[crossed + column] = 0.5 * (sums[column]! * sums[column]! - squares[column]!)
      const history = query[queryStart + layout.historyColumn + column]!
      const product = history * entry[entryStart + layout.historyEntryColumn + column]!
      entry[crossed + dimension + column] = product
      dot += product
    }
    entry[crossed + 2 * dimension] = dot
  }
}

/** Moves the gradients of the crossed columns on to the slots, and leaves zeros behind; every entry has its own query row. */
export function addCrossedGradient(
  layout: RankerLayout,
  query: Float32Array,
  entry: Float32Array,
  rowCount: number,
  queryGradient: Float32Array,
  entryGradient: Float32Array,
): void {
  const { dimension } = layout.query
  const sums = new Float64Array(dimension)
  const squares = new Float64Array(dimension)
  for (let rowIndex = 0; rowIndex < rowCount; rowIndex++) {
    const queryStart = rowIndex * layout.query.columns
    const entryStart = rowIndex * layout.entry.columns
    const crossed = entryStart + layout.crossedColumn
    sums.fill(0)
    addSlots(layout.query, query, queryStart, sums, squares)
    addSlots(layout.entry, entry, entryStart, sums, squares)
    const above = entryGradient.subarray(crossed, crossed + 2 * dimension + 1)
    addSlotGradient(layout.query, query, queryStart, sums, above, queryGradient)
    addSlotGradient(layout.entry, entry, entryStart, sums, above, entryGradient)
    const history = queryStart + layout.historyColumn
    const shown = entryStart + layout.historyEntryColumn
    for (let column = 0; column < dimension; column++) {
      const ofProduct = above[dimension + column]! + above[2 * dimension]!
      queryGradient[history + column] = queryGradient[history + column]! + ofProduct * entry[shown + column]!
      entryGradient[shown + column] = entryGradient[shown + column]! + ofProduct * query[history + column]!
    }
    above.fill(0)
  }
}

function addSlots(
  layout: InputLayout,
  values: Float32Array,
  start: number,
  sums: Float64Array,
  squares: Float64Array,
): void {
  const { slotCount, dimension } = layout
  for (let slot = 0, at = start; slot < slotCount; slot++) {
    for (let column = 0; column < dimension; column++, at++) {
      const value = values[at]!
      sums[column] = sums[column]! + value
      squares[column] = squares[column]! + value * value
    }
  }
}

/** The derivative by one slot's value is the sum of the others. */
function addSlotGradient(
  layout: InputLayout,
  values: Float32Array,
  start: number,
  sums: Float64Array,
  above: Float32Array,
  gradient: Float32Array,
): void {
  const { slotCount, dimension } = layout
  for (let slot = 0, at = start; slot < slotCount; slot++) {
    for (let column = 0; column < dimension; column++, at++) {
      gradient[at] = gradient[at]! + above[column]! * (sums[column]! - values[at]!)
    }
  }
}
