// How often the larger of two values was predicted to be the larger.

/** Chance, over pairs whose values differ, that the predictions are in the same order; equal predictions count as half
 *  (Harrell's C without censoring). NaN where no two values differ. Pairs with a NaN are passed over. O(n log n). */
export function concordance(values: ArrayLike<number>, predictions: ArrayLike<number>): number {
  const order = Array.from({ length: values.length }, (_, row) => row)
    .filter((row) => !(Number.isNaN(values[row]) || Number.isNaN(predictions[row])))
    .sort((left, right) => values[left]! - values[right]!)
  const places = placesOf(order.map((row) => predictions[row]!))
  const counts = new Float64Array(places.count + 1)
  let pairs = 0
  let agreeing = 0
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++
    for (let index = from; index < to; index++) {
      const place = places.of[index]!
      const below = sumThrough(counts, place - 1)
      agreeing += below + (sumThrough(counts, place) - below) / 2
    }
    pairs += from * (to - from)
    for (let index = from; index < to; index++) addAt(counts, places.of[index]!)
  }
  return pairs === 0 ? Number.NaN : agreeing / pairs
}

/** 1 for the smallest number, equal ones alike. */
function placesOf(numbers: readonly number[]): { readonly of: Int32Array; readonly count: number } {
  const of = new Int32Array(numbers.length)
  const order = numbers.map((_, index) => index).sort((left, right) => numbers[left]! - numbers[right]!)
  let place = 0
  for (const [rank, index] of order.entries()) {
    if (rank === 0 || numbers[index] !== numbers[order[rank - 1]!]) place++
    of[index] = place
  }
  return { of, count: place }
}

/** The tree of partial sums of Fenwick 1994, places from 1 on. */
function sumThrough(counts: Float64Array, place: number): number {
  let sum = 0
  for (let at = place; at > 0; at -= at & -at) sum += counts[at]!
  return sum
}

function addAt(counts: Float64Array, place: number): void {
  for (let at = place; at < counts.length; at += at & -at) counts[at] = counts[at]! + 1
}
