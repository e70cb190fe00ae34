// The scratch area of one batch, and how its rows are found: in short separate loops, because those that only touch lines
// have the most cache misses under way at once.

import { hashOf } from './id-hash'
import { homeSlot, likelySlot, slotsPerSegment } from './index-segments'
import { allocate } from './memory'
import { entryOf } from './rows'

/** Ids per call. 256 rows of 32 floats and their scratch stay within a second-level cache. */
export const batchMax: u32 = 256
/** Touching goes by eight, so lists are filled up with address 0, which is readable and unimportant. */
const unrolled: u32 = 8
/** Ids that may leave the table in one report. */
export const removedMax: u32 = 1024

/** Columns: ids u64[4096] (a batch or a segment's), event times f64[256], occurrences u32[256] and the rest as named. */
export let ids: usize = 0
export let times: usize = 0
export let occurrences: usize = 0
export let flags: usize = 0
export let floats: usize = 0
export let removed: usize = 0
let hashes: usize = 0
/** Addresses u32[256]: of home slots, then of entries, 0 where there seems to be no row. Row numbers u32[256]. */
let addresses: usize = 0
let rowNumbers: usize = 0
let sink: u32 = 0

export function createBatch(floatsPerRow: u32): bool {
  ids = allocate(u64(slotsPerSegment) * 8)
  times = allocate(u64(batchMax) * 8)
  occurrences = allocate(u64(batchMax) * 4)
  hashes = allocate(u64(batchMax) * 8)
  addresses = allocate(u64(batchMax + unrolled) * 4)
  rowNumbers = allocate(u64(batchMax) * 4)
  flags = allocate(u64(batchMax))
  removed = allocate(u64(removedMax) * 8)
  floats = allocate(u64(batchMax) * u64(floatsPerRow) * 4)
  return floats != 0
}

// @ts-ignore: decorator
@inline
export function idAt(i: u32): u64 { return load<u64>(ids + (usize(i) << 3)) }
// @ts-ignore: decorator
@inline
export function timeAt(i: u32): f64 { return load<f64>(times + (usize(i) << 3)) }
// @ts-ignore: decorator
@inline
export function occurrencesAt(i: u32): u32 { return load<u32>(occurrences + (usize(i) << 2)) }
// @ts-ignore: decorator
@inline
export function hashAt(i: u32): u64 { return load<u64>(hashes + (usize(i) << 3)) }
/** What `locate` noted; to be compared with the id in the entry, which another may have by now. */
// @ts-ignore: decorator
@inline
export function likelyRowAt(i: u32): u32 { return load<u32>(rowNumbers + (usize(i) << 2)) }
// @ts-ignore: decorator
@inline
export function likelyEntryAt(i: u32): usize { return usize(load<u32>(addresses + (usize(i) << 2))) }

/** Hashes the first `count` ids, finds their likely rows and touches `rowBytes` of each. */
export function locate(count: u32, rowBytes: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const hash = hashOf(idAt(i))
    store<u64>(hashes + (usize(i) << 3), hash)
    store<u32>(addresses + (usize(i) << 2), u32(homeSlot(hash)))
  }
  touchLines(count, 0)
  for (let i: u32 = 0; i < count; i++) {
    const next = likelySlot(hashAt(i))
    store<u32>(rowNumbers + (usize(i) << 2), next - 1)
    store<u32>(addresses + (usize(i) << 2), next != 0 ? u32(entryOf(next - 1)) : 0)
  }
  for (let offset: usize = 0; offset < rowBytes; offset += 64) touchLines(count, offset)
}

function touchLines(count: u32, offset: usize): void {
  let seen: u32 = 0
  for (let i = count; (i & (unrolled - 1)) != 0; i++) store<u32>(addresses + (usize(i) << 2), 0)
  let at = addresses
  const end = addresses + (usize(count) << 2)
  while (at < end) {
    seen += load<u32>(usize(load<u32>(at)) + offset)
    seen += load<u32>(usize(load<u32>(at, 4)) + offset)
    seen += load<u32>(usize(load<u32>(at, 8)) + offset)
    seen += load<u32>(usize(load<u32>(at, 12)) + offset)
    seen += load<u32>(usize(load<u32>(at, 16)) + offset)
    seen += load<u32>(usize(load<u32>(at, 20)) + offset)
    seen += load<u32>(usize(load<u32>(at, 24)) + offset)
    seen += load<u32>(usize(load<u32>(at, 28)) + offset)
    at += 32
  }
  sink = seen
}
