// Which rows of a slice have to go: those before a time, or so many with the smallest (event time, id). What the rows hold
// decides, not where they lie, so any table with the same rows chooses the same ones.

import { directoryEntry, directorySize, entriesOfSegment, segmentEnd } from './index-segments'
import { allocate } from './memory'

/** Entry addresses u32 of a slice's rows; allocated when first needed. */
let gathered: usize = 0
let sliceBits: u32 = 0
let sliceRowsMax: u32 = 0
/** Rows per slice u32. */
let sliceRows: usize = 0

export function createSlices(bits: u32, rowsMax: u32): bool {
  sliceBits = bits
  sliceRowsMax = rowsMax
  gathered = 0
  const bytes = usize(4) << bits
  sliceRows = allocate(bytes)
  if (sliceRows == 0) return false
  memory.fill(sliceRows, 0, bytes)
  return true
}

export function bytesOfSlices(bits: u32, rowsMax: u32): u64 {
  return (u64(4) << bits) + (u64(rowsMax) << 2) + 128
}

// @ts-ignore: decorator
@inline
export function sliceOf(hash: u64): u32 {
  return sliceBits == 0 ? 0 : u32(hash >> u64(64 - sliceBits))
}

export function isFull(slice: u32): bool {
  return load<u32>(sliceRows + (usize(slice) << 2)) >= sliceRowsMax
}

export function countRow(slice: u32, change: i32): void {
  const at = sliceRows + (usize(slice) << 2)
  store<u32>(at, u32(i32(load<u32>(at)) + change))
}

/** Lists the slice's rows and returns how many they are; -1 when there is no memory for the list. */
export function gatherSlice(slice: u32): i32 {
  if (gathered == 0) gathered = allocate(u64(sliceRowsMax) << 2)
  if (gathered == 0) return -1
  const tagFrom = sliceBits == 0 ? 0 : slice << (32 - sliceBits)
  const tagTo = sliceBits == 0 ? u32.MAX_VALUE : tagFrom + ((u32(1) << (32 - sliceBits)) - 1)
  const last = directoryEntry((u64(tagTo) << 32) | u64(u32.MAX_VALUE))
  let entry = directoryEntry(u64(tagFrom) << 32)
  let count: u32 = 0
  while (entry <= last && entry < directorySize()) {
    count += entriesOfSegment(entry, tagFrom, tagTo, gathered + (usize(count) << 2))
    entry = segmentEnd(entry)
  }
  return i32(count)
}

/** Entry address of a row that `gatherSlice` listed. */
// @ts-ignore: decorator
@inline
export function gatheredAt(index: u32): usize {
  return usize(load<u32>(gathered + (usize(index) << 2)))
}

/** Moves the `count` rows with the smallest (event time, id) to the front of the list (quickselect; Hoare 1961). */
export function selectOldest(count: u32, listed: u32): void {
  let from: i32 = 0
  let to: i32 = i32(listed) - 1
  const wanted = i32(count)
  while (from < to) {
    const pivot = middleOf(gatheredAt(from), gatheredAt((from + to) >> 1), gatheredAt(to))
    let left = from
    let right = to
    while (left <= right) {
      while (isOlder(gatheredAt(left), pivot)) left++
      while (isOlder(pivot, gatheredAt(right))) right--
      if (left > right) break
      swap(left, right)
      left++
      right--
    }
    if (wanted <= right) to = right
    else if (wanted > left) from = left
    else return
  }
}

// @ts-ignore: decorator
@inline
function isOlder(a: usize, b: usize): bool {
  const left = load<f64>(a, 8)
  const right = load<f64>(b, 8)
  return left < right || (left == right && load<u64>(a) < load<u64>(b))
}

function middleOf(a: usize, b: usize, c: usize): usize {
  if (isOlder(a, b)) return isOlder(b, c) ? b : isOlder(a, c) ? c : a
  return isOlder(a, c) ? a : isOlder(b, c) ? c : b
}

function swap(a: i32, b: i32): void {
  const held = load<u32>(gathered + (usize(a) << 2))
  store<u32>(gathered + (usize(a) << 2), load<u32>(gathered + (usize(b) << 2)))
  store<u32>(gathered + (usize(b) << 2), held)
}
