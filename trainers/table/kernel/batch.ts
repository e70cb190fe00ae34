// The scratch area of one batch, and how its rows are found: index lines are touched for the whole batch, then, group by
// group, the rows' own lines, so that as many cache misses as possible are under way at once and what they brought is still
// in the first-level cache when it is used.

import { hashOf } from './id-hash'
import { homeSlot, likelySlot, slotsPerSegment } from './index-segments'
import { allocate } from './memory'
import { entryOf } from './rows'

/** Ids per call. 256 rows of 32 floats and their scratch stay within a second-level cache. */
export const batchMax: u32 = 256
/** Rows whose lines are touched before the first of them is used. */
export const groupMax: u32 = 32
/** Ids that may leave the table in one report. */
export const removedMax: u32 = 1024

/** Columns: ids u64[4096] (a batch or a segment's), event times f64[256], occurrences u32[256] and the rest as named. */
export let ids: usize = 0
export let times: usize = 0
export let occurrences: usize = 0
export let flags: usize = 0
export let floats: usize = 0
export let removed: usize = 0
/** Hashes u64[256], and (row u32, entry address u32)[256], both 0 where there seems to be no row. */
let hashes: usize = 0
let located: usize = 0
let sink: u32 = 0

export function createBatch(floatsPerRow: u32): bool {
  ids = allocate(u64(slotsPerSegment) * 8)
  times = allocate(u64(batchMax) * 8)
  occurrences = allocate(u64(batchMax) * 4)
  hashes = allocate(u64(batchMax) * 8)
  located = allocate(u64(batchMax) * 8)
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
export function likelyRowAt(i: u32): u32 { return load<u32>(located + (usize(i) << 3)) }
// @ts-ignore: decorator
@inline
export function likelyEntryAt(i: u32): usize { return usize(load<u32>(located + (usize(i) << 3), 4)) }

/** Hashes the first `count` ids and touches their index lines. */
export function beginBatch(count: u32): void {
  let seen: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const hash = hashOf(idAt(i))
    store<u64>(hashes + (usize(i) << 3), hash)
    seen += load<u32>(homeSlot(hash))
  }
  sink = seen
}

/** Finds the likely rows of the ids from `from` to before `to`, and touches `rowBytes` of each. */
export function locate(from: u32, to: u32, rowBytes: usize): void {
  let seen: u32 = 0
  for (let i = from; i < to; i++) {
    const next = likelySlot(hashAt(i))
    if (next == 0) {
      store<u64>(located + (usize(i) << 3), 0)
      continue
    }
    const entry = entryOf(next - 1)
    store<u64>(located + (usize(i) << 3), (u64(entry) << 32) | u64(next - 1))
    for (let offset: usize = 0; offset < rowBytes; offset += 64) seen += load<u32>(entry + offset)
  }
  sink = seen
}
