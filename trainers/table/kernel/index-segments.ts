// Finds the row of an id by extendible hashing (Fagin et al. 1979): a directory over the top hash bits names segments of
// 4,096 slots with linear probing. A full segment splits in two, so growing never stops for more than one segment.

import { hashOf } from './id-hash'
import { allocate } from './memory'
import { entryOf } from './rows'

/** A slot: row number + 1 u32 (0: empty), tag u32: the upper half of the id's hash. The whole id is in the row's entry. */
const slotBytes: usize = 8
export const slotsPerSegment: u32 = 4096
const slotMask: u32 = slotsPerSegment - 1
/** A segment's header: slots in use u32, local depth u32, and padding up to a cache line. */
const headerBytes: usize = 64
const segmentBytes: usize = usize(slotsPerSegment) * slotBytes + headerBytes
/** 0.8: half of it, right after a split, are 20 bytes a row; all of it are 3 probes for an id that is there. */
const splitAbove: u32 = 3277
/** Reached only by ids chosen to collide: past this a segment that may not split refuses. */
const fullAbove: u32 = 3900
/** The tag's low 12 bits choose the slot, so the directory may use the 20 above. */
const depthLimit: u32 = 20

let directory: usize = 0
let depth: u32 = 1
let depthMax: u32 = 1
let spare: usize = 0

/** Reserves the directory and one empty segment. False when memory is out. */
export function createIndex(rowsMax: u32): bool {
  depth = 1
  depthMax = depthMaxOf(rowsMax)
  directory = allocate(u64(4) << depthMax)
  spare = allocate(segmentBytes)
  if (directory == 0 || spare == 0) return false
  const first = emptySegment(0)
  if (first == 0) return false
  store<u32>(directory, u32(first))
  store<u32>(directory, u32(first), 4)
  return true
}

/** Upper bound of what an index of `rowsMax` ids takes, unless they were chosen to collide. */
export function bytesOfIndex(rowsMax: u32): u64 {
  const segments = (u64(rowsMax) / u64(splitAbove / 2) + 4) * 9 / 8
  return (segments + 1) * u64(segmentBytes) + (u64(4) << depthMaxOf(rowsMax))
}

function depthMaxOf(rowsMax: u32): u32 {
  let bits: u32 = 3
  while (bits < depthLimit && (u64(1) << bits) * 1024 < u64(rowsMax) * 4) bits++
  return bits
}

/** Where probing for this hash starts. */
// @ts-ignore: decorator
@inline
export function homeSlot(hash: u64): usize {
  return segmentOf(hash) + headerBytes + usize(u32(hash >> 32) & slotMask) * slotBytes
}

/** Row number + 1 of the first slot whose tag fits, likely the id's own, or 0. Reads no entry. */
// @ts-ignore: decorator
@inline
export function likelySlot(hash: u64): u32 {
  const slots = segmentOf(hash) + headerBytes
  const tag = u32(hash >> 32)
  let position = tag & slotMask
  while (true) {
    const slot = load<u64>(slots + usize(position) * slotBytes)
    if (u32(slot >> 32) == tag || slot == 0) return u32(slot)
    position = (position + 1) & slotMask
  }
}

/** The slot that holds `id`, or 0. `id` is not 0. */
export function findSlot(id: u64, hash: u64): usize {
  const slots = segmentOf(hash) + headerBytes
  const tag = u32(hash >> 32)
  let position = tag & slotMask
  while (true) {
    const slot = slots + usize(position) * slotBytes
    const held = load<u64>(slot)
    if (held == 0) return 0
    if (u32(held >> 32) == tag && load<u64>(entryOf(u32(held) - 1)) == id) return slot
    position = (position + 1) & slotMask
  }
}

/** The row of a slot that `findSlot` gave. */
// @ts-ignore: decorator
@inline
export function rowIn(slot: usize): u32 {
  return load<u32>(slot) - 1
}

/** Whether one more id of this hash has a place; splits its segment when that is due. */
export function makeRoom(hash: u64): bool {
  while (true) {
    const segment = segmentOf(hash)
    const count = load<u32>(segment)
    if (count < splitAbove) return true
    if (!split(segment, hash)) return count < fullAbove
  }
}

/** Adds an id that is absent, after `makeRoom`. */
export function addSlot(hash: u64, row: u32): void {
  const segment = segmentOf(hash)
  place(segment, (hash & ~u64(0xffffffff)) | u64(row + 1))
  store<u32>(segment, load<u32>(segment) + 1)
}

/** Empties a slot and moves its followers back, so no tombstones are left. */
export function removeSlot(slot: usize, hash: u64): void {
  const segment = segmentOf(hash)
  const slots = segment + headerBytes
  let hole = u32((slot - slots) / slotBytes)
  let position = hole
  while (true) {
    position = (position + 1) & slotMask
    const held = load<u64>(slots + usize(position) * slotBytes)
    if (held == 0) break
    const home = u32(held >> 32) & slotMask
    if (((position - home) & slotMask) < ((position - hole) & slotMask)) continue
    store<u64>(slots + usize(hole) * slotBytes, held)
    hole = position
  }
  store<u64>(slots + usize(hole) * slotBytes, 0)
  store<u32>(segment, load<u32>(segment) - 1)
}

/** Directory entries; those that name one segment stand together. */
export function directorySize(): u32 {
  return u32(1) << depth
}

/** The directory entry after those that name the same segment as this one. */
export function segmentEnd(entry: u32): u32 {
  const localDepth = load<u32>(segmentAt(entry), 4)
  return entry + (u32(1) << (depth - localDepth))
}

/** Directory entry for the top bits of a hash. */
export function directoryEntry(hash: u64): u32 {
  return u32(hash >> u64(64 - depth))
}

/** Writes the hashes of the segment's ids, in no order, and returns how many they are. */
export function hashesOfSegment(entry: u32, out: usize): u32 {
  const slots = segmentAt(entry) + headerBytes
  let count: u32 = 0
  for (let position: u32 = 0; position < slotsPerSegment; position++) {
    const row = load<u32>(slots + usize(position) * slotBytes)
    if (row == 0) continue
    store<u64>(out + (usize(count) << 3), hashOf(load<u64>(entryOf(row - 1))))
    count++
  }
  return count
}

/** Writes the entry addresses u32 of the segment's rows whose tag is within the range, and returns how many they are. */
export function entriesOfSegment(entry: u32, tagFrom: u32, tagTo: u32, out: usize): u32 {
  const slots = segmentAt(entry) + headerBytes
  let count: u32 = 0
  for (let position: u32 = 0; position < slotsPerSegment; position++) {
    const slot = load<u64>(slots + usize(position) * slotBytes)
    const tag = u32(slot >> 32)
    if (slot == 0 || tag < tagFrom || tag > tagTo) continue
    store<u32>(out + (usize(count) << 2), u32(entryOf(u32(slot) - 1)))
    count++
  }
  return count
}

// @ts-ignore: decorator
@inline
function segmentOf(hash: u64): usize {
  return usize(load<u32>(directory + usize((hash >> u64(64 - depth)) << 2)))
}

function segmentAt(entry: u32): usize {
  return usize(load<u32>(directory + (usize(entry) << 2)))
}

function emptySegment(localDepth: u32): usize {
  const segment = allocate(segmentBytes)
  if (segment == 0) return 0
  memory.fill(segment, 0, segmentBytes)
  store<u32>(segment, localDepth, 4)
  return segment
}

function place(segment: usize, slot: u64): void {
  const slots = segment + headerBytes
  let position = u32(slot >> 32) & slotMask
  while (load<u64>(slots + usize(position) * slotBytes) != 0) position = (position + 1) & slotMask
  store<u64>(slots + usize(position) * slotBytes, slot)
}

/** Moves the ids whose next hash bit is set to a new segment. */
function split(segment: usize, hash: u64): bool {
  const localDepth = load<u32>(segment, 4)
  if (localDepth == depth) {
    if (depth == depthMax) return false
    doubleDirectory()
  }
  const sibling = emptySegment(localDepth + 1)
  if (sibling == 0) return false
  const span = u64(1) << u64(depth - localDepth)
  const first = (hash >> u64(64 - depth)) & ~(span - 1)
  for (let entry = first + span / 2; entry < first + span; entry++) {
    store<u32>(directory + usize(entry << 2), u32(sibling))
  }
  redistribute(segment, sibling, localDepth)
  return true
}

function redistribute(segment: usize, sibling: usize, localDepth: u32): void {
  memory.copy(spare, segment, segmentBytes)
  memory.fill(segment, 0, segmentBytes)
  let kept: u32 = 0
  let moved: u32 = 0
  for (let position: u32 = 0; position < slotsPerSegment; position++) {
    const slot = load<u64>(spare + headerBytes + usize(position) * slotBytes)
    if (slot == 0) continue
    const moves = ((slot >> u64(63 - localDepth)) & 1) != 0
    place(moves ? sibling : segment, slot)
    if (moves) moved++
    else kept++
  }
  store<u32>(segment, kept)
  store<u32>(segment, localDepth + 1, 4)
  store<u32>(sibling, moved)
}

function doubleDirectory(): void {
  for (let entry: i32 = (1 << depth) - 1; entry >= 0; entry--) {
    const segment = load<u32>(directory + (usize(entry) << 2))
    store<u32>(directory + (usize(entry) << 3), segment)
    store<u32>(directory + (usize(entry) << 3), segment, 4)
  }
  depth++
}
