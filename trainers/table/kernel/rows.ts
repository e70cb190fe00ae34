// Keeps rows in chunks of 1,024 that never move: id and event time, then values and optimizer state, without a gap. Removed
// rows are chained and used again. Touched bits lie apart, dense enough to stay in cache.

import { allocate } from './memory'

export const rowsPerChunk: u32 = 1024
const chunkShift: u32 = 10
const chunkMask: u32 = rowsPerChunk - 1
const touchedBytesPerChunk: usize = 128
/** Chunks whose touched bits are allocated together: two pages. */
const chunksPerTouchedBlock: u32 = 64
/** Id u64 (0: unused), event time f64; in an unused row the second word chains to the next unused one. */
export const entryBytes: usize = 16
const noRow: u32 = 0xffffffff

/** Per chunk: its address u32, the address of its touched bits u32. */
let chunks: usize = 0
let strideBytes: usize = 0
let everUsed: u32 = 0
let unused: u32 = noRow
let live: u32 = 0
let touched: u32 = 0

/** Reserves the chunk list. False when memory is out. */
export function createRows(rowsMax: u32, payloadBytes: usize): bool {
  strideBytes = entryBytes + payloadBytes
  everUsed = 0
  unused = noRow
  live = 0
  touched = 0
  chunks = allocate(((u64(rowsMax) >> u64(chunkShift)) + 2) * 8)
  if (chunks == 0) return false
  store<u64>(chunks, 0)
  return true
}

/** Upper bound of what `rowsMax` rows take. */
export function bytesOfRows(rowsMax: u32, payloadBytes: usize): u64 {
  const chunkCount = (u64(rowsMax) >> u64(chunkShift)) + 2
  const bytesPerChunk = u64(rowsPerChunk) * u64(entryBytes + payloadBytes) + u64(touchedBytesPerChunk) + 8
  return chunkCount * bytesPerChunk + u64(chunksPerTouchedBlock) * u64(touchedBytesPerChunk)
}

export function liveRows(): u32 {
  return live
}

export function touchedRows(): u32 {
  return touched
}

export function chunkCount(): u32 {
  return (everUsed + chunkMask) >> chunkShift
}

/** Takes a row for `id`; `noRow` when memory is out. */
export function takeRow(id: u64): u32 {
  let row = unused
  if (row != noRow) {
    unused = load<u32>(entryOf(row), 8)
  } else {
    row = everUsed
    if ((row & chunkMask) == 0 && !addChunk(row >> chunkShift)) return noRow
    everUsed++
  }
  store<u64>(entryOf(row), id)
  store<f64>(entryOf(row), 0, 8)
  live++
  return row
}

export function isRow(row: u32): bool {
  return row != noRow
}

export function releaseRow(row: u32): void {
  untouch(row)
  store<u64>(entryOf(row), 0)
  store<u64>(entryOf(row), 0, 8)
  store<u32>(entryOf(row), unused, 8)
  unused = row
  live--
}

/** Address of the row: id, event time, then values. */
// @ts-ignore: decorator
@inline
export function entryOf(row: u32): usize {
  return usize(load<u32>(chunks + (usize(row >> chunkShift) << 3))) + usize(row & chunkMask) * strideBytes
}

// @ts-ignore: decorator
@inline
export function touch(row: u32): void {
  const byte = touchedByteOf(row)
  const bits = load<u8>(byte)
  const bit = u8(u32(1) << (row & 7))
  if ((bits & bit) != 0) return
  store<u8>(byte, bits | bit)
  touched++
}

/** Writes the ids of the chunk's touched rows, clears their bits and returns how many they were. */
export function collectTouched(chunk: u32, out: usize): u32 {
  const bitmap = usize(load<u32>(chunks + (usize(chunk) << 3), 4))
  let count: u32 = 0
  for (let word: u32 = 0; word < rowsPerChunk; word += 64) {
    let bits = load<u64>(bitmap + usize(word >> 3))
    while (bits != 0) {
      const row = (chunk << chunkShift) + word + u32(ctz(bits))
      bits &= bits - 1
      store<u64>(out + (usize(count) << 3), load<u64>(entryOf(row)))
      count++
    }
    store<u64>(bitmap + usize(word >> 3), 0)
  }
  touched -= count
  return count
}

// @ts-ignore: decorator
@inline
function touchedByteOf(row: u32): usize {
  return usize(load<u32>(chunks + (usize(row >> chunkShift) << 3), 4)) + usize((row & chunkMask) >> 3)
}

function untouch(row: u32): void {
  const byte = touchedByteOf(row)
  const bits = load<u8>(byte)
  const bit = u8(u32(1) << (row & 7))
  if ((bits & bit) == 0) return
  store<u8>(byte, bits & ~bit)
  touched--
}

/** A chunk's touched bits are allocated with those of the 63 after it, before the chunk itself. */
function addChunk(chunk: u32): bool {
  const within = chunk % chunksPerTouchedBlock
  let bitmap: usize = 0
  if (within == 0) {
    const bytes = touchedBytesPerChunk * usize(chunksPerTouchedBlock)
    bitmap = allocate(u64(bytes))
    if (bitmap == 0) return false
    memory.fill(bitmap, 0, bytes)
  } else {
    bitmap = usize(load<u32>(chunks + (usize(chunk - 1) << 3), 4)) + touchedBytesPerChunk
  }
  const base = allocate(u64(rowsPerChunk) * u64(strideBytes))
  if (base == 0) return false
  store<u32>(chunks + (usize(chunk) << 3), u32(base))
  store<u32>(chunks + (usize(chunk) << 3), u32(bitmap), 4)
  return true
}
