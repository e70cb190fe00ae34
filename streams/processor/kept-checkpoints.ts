// Which checkpoints stay: the newest two, so that one may rot, and a tail of older ones that thins out with their distance,
// so that a rollback has somewhere to start, near for what is near and further apart for what is long ago.

/**
 * The offsets of at most `kept` checkpoints (at least 2) of which to keep. `offsets` ascend. Beyond two, the oldest always
 * stays, and what goes is what leaves the smallest gap for its distance from the newest: applied after every checkpoint, distances grow
 * exponentially. O(n^2) in what goes, which is one at a time.
 */
export function keptCheckpoints(offsets: readonly number[], kept: number): ReadonlySet<number> {
  const stay = [...offsets]
  const keptAtLeastTwo = Math.max(2, kept)
  while (stay.length > keptAtLeastTwo) stay.splice(keptAtLeastTwo === 2 ? 0 : leastMissed(stay), 1)
  return new Set(stay)
}

/** Index of the one whose neighbours are closest to each other for its distance; neither the oldest nor the newest two. */
function leastMissed(offsets: readonly number[]): number {
  const newest = offsets.at(-1)!
  let least = 1
  let smallest = Number.POSITIVE_INFINITY
  for (let index = 1; index < offsets.length - 2; index++) {
    const gap = (offsets[index + 1]! - offsets[index - 1]!) / (newest - offsets[index]!)
    if (gap < smallest) {
      smallest = gap
      least = index
    }
  }
  return least
}
