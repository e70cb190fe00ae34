// Finds the row of an id by extendible hashing (Fagin et al. 1979): a directory over the top hash bits names segments of
// 4,096 slots with linear probing. A full segment splits in two, so growing never stops for more than one segment.

import { allocate } from './memory'

/** A slot: id u64 (0: empty), row number u32, address of the row's entry u32. */
const slotBytes: usize = 16
const slotsPerSegment: u64 = 4096
const slotMask: u64 = slotsPerSegment - 1
/** A segment's header: entry count u32, local depth u32, and padding up to a cache line. */
const headerBytes: usize = 64
const segmentBytes: u64 = slotsPerSegment * u64(slotBytes) + u64(headerBytes)
/** Beyond 0.7 a missing id costs more than six probes. */
const splitAbove: u32 = 2867
/** Reached only by ids chosen to collide: past this a segment that may not split refuses. */
const fullAbove: u32 = 3900
/** Hash bits 0 to 11 choose the slot, so the directory may use the 52 above; 22 bits are already more than 4 GiB of rows. */
const depthLimit: u32 = 22

let directory: usize = 0
let depth: u32 = 1
let depthMax: u32 = 1
let spare: usize = 0

/** Reserves the directory and one empty segment. False when memory is out. */
export function createIndex(rowsMax: u32): bool {
  depth = 1
  depthMax = 3
  while (depthMax < depthLimit && (u64(1) << depthMax) * 1024 < u64(rowsMax) * 4) depthMax++
  directory = allocate(u64(4) << depthMax)
  spare = allocate(segmentBytes)
  if (directory == 0 || spare == 0) return false
  const first = emptySegment(0)
  if (first == 0) return false
  store<u32>(directory, u32(first))
  store<u32>(directory, u32(first), 4)
  return true
}

// @ts-ignore: decorator
@inline
export function hashOf(id: u64): u64 {
  let x = id
  x ^= x >> 30
  x *= 0xbf58476d1ce4e5b9
  x ^= x >> 27
  x *= 0x94d049bb133111eb
  return x ^ (x >> 31)
}

/** Where probing for this hash starts. */
// @ts-ignore: decorator
@inline
export function homeSlot(hash: u64): usize {
  return segmentOf(hash) + headerBytes + usize(hash & slotMask) * slotBytes
}

/** The slot that holds `id`, or 0. `id` is not 0. */
// @ts-ignore: decorator
@inline
export function findSlot(id: u64, hash: u64): usize {
  const slots = segmentOf(hash) + headerBytes
  let position = hash & slotMask
  while (true) {
    const slot = slots + usize(position) * slotBytes
    const held = load<u64>(slot)
    if (held == id) return slot
    if (held == 0) return 0
    position = (position + 1) & slotMask
  }
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
export function addSlot(id: u64, hash: u64, rest: u64): void {
  const segment = segmentOf(hash)
  place(segment, hash, id, rest)
  store<u32>(segment, load<u32>(segment) + 1)
}

/** Empties a slot and moves its followers back, so no tombstones are left. */
export function removeSlot(slot: usize, hash: u64): void {
  const segment = segmentOf(hash)
  const slots = segment + headerBytes
  let hole = u64((slot - slots) / slotBytes)
  let position = hole
  while (true) {
    position = (position + 1) & slotMask
    const from = slots + usize(position) * slotBytes
    const id = load<u64>(from)
    if (id == 0) break
    const home = hashOf(id) & slotMask
    if (((position - home) & slotMask) < ((position - hole) & slotMask)) continue
    const to = slots + usize(hole) * slotBytes
    store<u64>(to, id)
    store<u64>(to, load<u64>(from, 8), 8)
    hole = position
  }
  store<u64>(slots + usize(hole) * slotBytes, 0)
  store<u32>(segment, load<u32>(segment) - 1)
}

// @ts-ignore: decorator
@inline
function segmentOf(hash: u64): usize {
  return usize(load<u32>(directory + usize((hash >> u64(64 - depth)) << 2)))
}

function emptySegment(localDepth: u32): usize {
  const segment = allocate(segmentBytes)
  if (segment == 0) return 0
  memory.fill(segment, 0, usize(segmentBytes))
  store<u32>(segment, localDepth, 4)
  return segment
}

function place(segment: usize, hash: u64, id: u64, rest: u64): void {
  const slots = segment + headerBytes
  let position = hash & slotMask
  while (load<u64>(slots + usize(position) * slotBytes) != 0) position = (position + 1) & slotMask
  const slot = slots + usize(position) * slotBytes
  store<u64>(slot, id)
  store<u64>(slot, rest, 8)
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
  memory.copy(spare, segment, usize(segmentBytes))
  memory.fill(segment, 0, usize(segmentBytes))
  let kept: u32 = 0
  let moved: u32 = 0
  for (let position: u64 = 0; position < slotsPerSegment; position++) {
    const slot = spare + headerBytes + usize(position) * slotBytes
    const id = load<u64>(slot)
    if (id == 0) continue
    const hash = hashOf(id)
    const moves = ((hash >> u64(63 - localDepth)) & 1) != 0
    place(moves ? sibling : segment, hash, id, load<u64>(slot, 8))
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
