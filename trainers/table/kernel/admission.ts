// Counts ids that have no row yet, in fixed memory: buckets of 16 cells of (tag, count), the last seen first. A new tag
// pushes the one longest unseen out of its bucket.

import { allocate } from './memory'

const cellsPerBucket: u32 = 16
const bucketBytes: usize = 64
const countMax: u32 = 0xffff

let cells: usize = 0
let bucketMask: u32 = 0
let threshold: u32 = 1
let cellCount: u32 = 0
let dirty: bool = false

/** A power of two of cells, or 0: every id is admitted. False when memory is out. */
export function createAdmission(cellCountOf: u32, occurrences: u32): bool {
  cellCount = cellCountOf
  threshold = occurrences
  bucketMask = cellCount / cellsPerBucket - 1
  cells = cellCount == 0 ? 0 : allocate(bytesOfAdmission(cellCount))
  return cellCount == 0 || cells != 0
}

export function bytesOfAdmission(cellCountOf: u32): u64 {
  return u64(cellCountOf) << 2
}

export function cellsAddress(): usize {
  return cells
}

/** Forgets all counts. Fresh memory is zero and stays untouched. */
export function clearAdmission(): void {
  if (cellCount != 0 && dirty) memory.fill(cells, 0, usize(cellCount) << 2)
  dirty = cellCount != 0
}

/** Whether the id with this hash has now been seen often enough; it is forgotten then. */
export function admits(hash: u64, occurrences: u32): bool {
  if (cellCount == 0) return true
  const low = u32(hash) & 0xffff
  const tag = low == 0 ? 1 : low
  const bucket = cells + usize(u32(hash >> 16) & bucketMask) * bucketBytes
  let place: u32 = 0
  while (place < cellsPerBucket && (load<u32>(bucket + (usize(place) << 2)) & 0xffff) != tag) place++
  const known = place < cellsPerBucket
  const before = known ? load<u32>(bucket + (usize(place) << 2)) >> 16 : 0
  const count = u32(min(u64(before) + u64(occurrences), u64(countMax)))
  if (count >= threshold) {
    if (known) {
      const after = usize(cellsPerBucket - 1 - place) << 2
      memory.copy(bucket + (usize(place) << 2), bucket + (usize(place + 1) << 2), after)
      store<u32>(bucket, 0, bucketBytes - 4)
    }
    return true
  }
  memory.copy(bucket + 4, bucket, usize(known ? place : cellsPerBucket - 1) << 2)
  store<u32>(bucket, (count << 16) | tag)
  return false
}
