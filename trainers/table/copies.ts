// Copies between arrays and a kernel's memory: by a loop where there are few numbers, because a view to copy by would cost more.

/** To make a view and copy by it takes as long as so many numbers in a loop. */
const numbersByViewMin = 48

/** Copies `count` numbers from `start` on to `to` from `at` on. */
export function copyFloats(from: Float32Array, start: number, to: Float32Array, count: number, at = 0): void {
  if (count >= numbersByViewMin) to.set(from.subarray(start, start + count), at)
  else for (let index = 0; index < count; index++) to[at + index] = from[start + index]!
}

/** As `copyFloats`, to the beginning of `to`. */
export function copyTimes(from: Float64Array, start: number, to: Float64Array, count: number): void {
  if (count >= numbersByViewMin) to.set(from.subarray(start, start + count))
  else for (let index = 0; index < count; index++) to[index] = from[start + index]!
}

/** Copies the first `count` flags to `to` from `start` on. */
export function copyFlags(from: Uint8Array, to: Uint8Array, start: number, count: number): void {
  if (count >= numbersByViewMin) to.set(from.subarray(0, count), start)
  else for (let index = 0; index < count; index++) to[start + index] = from[index]!
}

/** Copies `count` ids from `start` on to the beginning of `to`; both are pairs of halves. */
export function copyIds(halves: Uint32Array, start: number, to: Uint32Array, count: number): void {
  if (count >= numbersByViewMin) to.set(halves.subarray(2 * start, 2 * (start + count)))
  else for (let index = 0; index < 2 * count; index++) to[index] = halves[2 * start + index]!
}
