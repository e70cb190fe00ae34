// The scratch area of one batch, and its first pass: find every row and touch its cache lines, in short separate loops so
// that as many cache misses as possible are under way at once.

import { findSlot, hashOf, homeSlot } from './index-segments'
import { allocate } from './memory'
import { rowsPerChunk, valuesOfEntry } from './rows'

/** Ids per call. 256 rows of 32 floats and their scratch stay within a second-level cache. */
export const batchMax: u32 = 256
/** Touching goes by eight, so lists are filled up with address 0, which is readable and unimportant. */
const unrolled: u32 = 8

/** Columns: ids u64[1024], event times f64[256], located (row u32, entry address u32)[256], and the rest as named. */
export let ids: usize = 0
export let times: usize = 0
export let flags: usize = 0
export let floats: usize = 0
let located: usize = 0
/** Addresses u32[256]: of home slots, then of values. */
let values: usize = 0
let entries: usize = 0
let sink: u32 = 0

export function createBatch(floatsPerRow: u32): bool {
  ids = allocate(u64(rowsPerChunk) * 8)
  times = allocate(u64(batchMax) * 8)
  located = allocate(u64(batchMax) * 8)
  values = allocate(u64(batchMax) * 4)
  entries = allocate(u64(batchMax) * 4)
  flags = allocate(u64(batchMax))
  floats = allocate(u64(batchMax) * u64(floatsPerRow) * 4)
  return ids != 0 && times != 0 && located != 0 && values != 0 && entries != 0 && flags != 0 && floats != 0
}

// @ts-ignore: decorator
@inline
export function idAt(i: u32): u64 { return load<u64>(ids + (usize(i) << 3)) }
// @ts-ignore: decorator
@inline
export function timeAt(i: u32): f64 { return load<f64>(times + (usize(i) << 3)) }
// @ts-ignore: decorator
@inline
export function rowAt(i: u32): u32 { return load<u32>(located + (usize(i) << 3)) }
/** Address of the row's (id, event time); 0 where the id has no row. */
// @ts-ignore: decorator
@inline
export function entryAt(i: u32): usize { return usize(load<u32>(entries + (usize(i) << 2))) }
/** Address of the row's values; 0 where the id has no row. */
// @ts-ignore: decorator
@inline
export function valuesAt(i: u32): usize { return usize(load<u32>(values + (usize(i) << 2))) }

/** Notes where the i-th id's row is: (row u32, entry address u32), or 0. */
// @ts-ignore: decorator
@inline
export function locateAt(i: u32, place: u64): void {
  const entry = usize(place >> 32)
  store<u64>(located + (usize(i) << 3), place)
  store<u32>(entries + (usize(i) << 2), u32(entry))
  store<u32>(values + (usize(i) << 2), entry != 0 ? u32(valuesOfEntry(entry)) : 0)
}

/** Finds the first `count` ids. `rowBytes` of each row are touched, and its entry when asked. */
export function locate(count: u32, rowBytes: usize, withEntry: bool): void {
  for (let i: u32 = 0; i < count; i++) store<u32>(values + (usize(i) << 2), u32(homeSlot(hashOf(idAt(i)))))
  touchLines(values, count, 0)
  for (let i: u32 = 0; i < count; i++) {
    const id = idAt(i)
    const slot = id != 0 ? findSlot(id, hashOf(id)) : 0
    locateAt(i, slot != 0 ? load<u64>(slot, 8) : 0)
  }
  if (withEntry) touchLines(entries, count, 0)
  for (let offset: usize = 0; offset < rowBytes; offset += 64) touchLines(values, count, offset)
}

function touchLines(addresses: usize, count: u32, offset: usize): void {
  let seen: u32 = 0
  for (let i = count; (i & (unrolled - 1)) != 0; i++) store<u32>(addresses + (usize(i) << 2), 0)
  const end = addresses + (usize(count) << 2)
  while (addresses < end) {
    seen += load<u32>(usize(load<u32>(addresses)) + offset)
    seen += load<u32>(usize(load<u32>(addresses, 4)) + offset)
    seen += load<u32>(usize(load<u32>(addresses, 8)) + offset)
    seen += load<u32>(usize(load<u32>(addresses, 12)) + offset)
    seen += load<u32>(usize(load<u32>(addresses, 16)) + offset)
    seen += load<u32>(usize(load<u32>(addresses, 20)) + offset)
    seen += load<u32>(usize(load<u32>(addresses, 24)) + offset)
    seen += load<u32>(usize(load<u32>(addresses, 28)) + offset)
    addresses += 32
  }
  sink = seen
}
