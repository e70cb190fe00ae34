// How a row is found, made and taken away: index, entry, slice count and admission change together here. What `locate`
// found is checked against the whole id before it is used.

import { writeInitial } from './arithmetic'
import { admits } from './admission'
import { hashAt, idAt, likelyEntryAt, likelyRowAt, occurrencesAt, removed, removedMax, timeAt } from './batch'
import { countRow, gatheredAt, gatherSlice, isFull, selectOldest, sliceOf } from './eviction'
import { hashOf } from './id-hash'
import { addSlot, findSlot, makeRoom, removeSlot, rowIn } from './index-segments'
import { startState } from './optimizer'
import * as rows from './rows'

/** Called with the number of ids in the removed column, when eviction or expiry has removed them. */
@external('table', 'report')
declare function report(count: u32): void

let dimension: u32 = 0
let seed: u32 = 0
let scale: f32 = 0
let evictedAtOnce: u32 = 1
let pending: u32 = 0
/** The row that `find`, `admit`, `create` or `insert` came to. */
export let foundRow: u32 = 0
/** Of the push or set under way. */
export let noMemory: u32 = 0
export let unadmitted: u32 = 0
export let evicted: u32 = 0

export function createRowStore(dimensionOf: u32, seedOf: u32, scaleOf: f32, evictedOf: u32): void {
  dimension = dimensionOf
  seed = seedOf
  scale = scaleOf
  evictedAtOnce = evictedOf
}

/** Entry of the i-th id's row, or 0. */
// @ts-ignore: decorator
@inline
export function find(i: u32): usize {
  const entry = likelyEntryAt(i)
  if (entry != 0 && load<u64>(entry) == idAt(i)) {
    foundRow = likelyRowAt(i)
    return entry
  }
  return findAgain(i)
}

/** A tag was not the id's own, or rows have come and gone within the batch. */
function findAgain(i: u32): usize {
  if (idAt(i) == 0) return 0
  const slot = findSlot(idAt(i), hashAt(i))
  if (slot == 0) return 0
  foundRow = rowIn(slot)
  return rows.entryOf(foundRow)
}

/** A row for the i-th id, which has none, or 0 while it has not been seen often enough. */
export function admit(i: u32): usize {
  if (admits(hashAt(i), occurrencesAt(i))) return create(i)
  unadmitted++
  return 0
}

/** A row with initial values for the i-th id, which has none; rows of a full slice make way. 0 when memory is out. */
export function create(i: u32): usize {
  const hash = hashAt(i)
  const slice = sliceOf(hash)
  const room = !isFull(slice) || evict(slice)
  const entry = room ? insert(idAt(i), hash, timeAt(i)) : 0
  if (entry == 0) {
    noMemory++
    return 0
  }
  const values = entry + rows.entryBytes
  writeInitial(idAt(i), seed, scale, dimension, values)
  startState(values)
  return entry
}

export function insert(id: u64, hash: u64, time: f64): usize {
  if (!makeRoom(hash)) return 0
  const row = rows.takeRow(id)
  if (!rows.isRow(row)) return 0
  addSlot(hash, row)
  countRow(sliceOf(hash), 1)
  foundRow = row
  const entry = rows.entryOf(row)
  store<f64>(entry, time, 8)
  return entry
}

/** False when there is no memory to list the slice's rows. */
function evict(slice: u32): bool {
  const listed = gatherSlice(slice)
  if (listed < 0) return false
  selectOldest(evictedAtOnce, u32(listed))
  for (let index: u32 = 0; index < evictedAtOnce; index++) forgetReported(load<u64>(gatheredAt(index)))
  flushReport()
  evicted += evictedAtOnce
  return true
}

export function forgetReported(id: u64): void {
  forget(id)
  store<u64>(removed + (usize(pending) << 3), id)
  pending++
  if (pending == removedMax) flushReport()
}

export function flushReport(): void {
  if (pending != 0) report(pending)
  pending = 0
}

export function forget(id: u64): void {
  const hash = hashOf(id)
  const slot = findSlot(id, hash)
  if (slot == 0) return
  const row = rowIn(slot)
  removeSlot(slot, hash)
  rows.releaseRow(row)
  countRow(sliceOf(hash), -1)
}

/** Before a push or a set. */
export function clearOutcome(): void {
  noMemory = 0
  unadmitted = 0
  evicted = 0
}
