// The table's exported calls. Each works on a batch in the scratch area: locate the rows, then copy or update.

import { acceptableGradient, copyFloats, finiteValues, writeInitial } from './arithmetic'
import { bytesOfAdmission, cellsAddress, clearAdmission, createAdmission } from './admission'
import {
  createBatch, flags, floats, idAt, ids, locate, occurrences, removed, timeAt, times,
} from './batch'
import { bytesOfSlices, createSlices, gatheredAt, gatherSlice } from './eviction'
import { hashOf, idOfHash } from './id-hash'
import { bytesOfIndex, createIndex, directorySize, hashesOfSegment, segmentEnd } from './index-segments'
import { mark, reserve, rewind } from './memory'
import { createOptimizer, update } from './optimizer'
import {
  admit, clearOutcome, create, createRowStore, evicted, find, flushReport, forget, forgetReported, foundRow, insert,
  noMemory, unadmitted,
} from './row-store'
import * as rows from './rows'

let dimension: u32 = 0
let columns: u32 = 0
let seed: u32 = 0
let scale: f32 = 0
let rowsMax: u32 = 0
let sliceBits: u32 = 0
let sliceRowsMax: u32 = 0
let scratchEnd: u64 = 0
let needed: u64 = 0
let nonFinite: u32 = 0
let badTime: u32 = 0

export function configureOptimizer(
  kind: u32, dimensionOf: u32, stateColumns: u32, first: f64, second: f64, third: f64, fourth: f64,
): void {
  dimension = dimensionOf
  columns = dimensionOf + stateColumns
  createOptimizer(kind, dimensionOf, stateColumns, first, second, third, fourth)
}

/** After `configureOptimizer`. False when memory is out. */
export function configure(
  rowsMaxOf: u32, seedOf: u32, scaleOf: f32, sliceBitsOf: u32, sliceRowsMaxOf: u32, evictedOf: u32, cells: u32,
  admittedAfter: u32,
): bool {
  rowsMax = rowsMaxOf
  seed = seedOf
  scale = scaleOf
  sliceBits = sliceBitsOf
  sliceRowsMax = sliceRowsMaxOf
  createRowStore(dimension, seed, scale, evictedOf)
  needed =
    mark() + rows.bytesOfRows(rowsMax, usize(columns) << 2) + bytesOfIndex(rowsMax) +
    bytesOfSlices(sliceBits, sliceRowsMax) + bytesOfAdmission(cells) + 65536 + (u64(columns) << 10)
  reserve(needed)
  const ready = createBatch(columns) && createAdmission(cells, admittedAfter)
  scratchEnd = mark()
  return ready && clear()
}

/** Forgets all rows and counts; their memory is used again. */
export function clear(): bool {
  rewind(scratchEnd)
  clearAdmission()
  return (
    rows.createRows(rowsMax, usize(columns) << 2) && createIndex(rowsMax) && createSlices(sliceBits, sliceRowsMax)
  )
}

export function idsAddress(): usize { return ids }
export function timesAddress(): usize { return times }
export function occurrencesAddress(): usize { return occurrences }
export function flagsAddress(): usize { return flags }
export function floatsAddress(): usize { return floats }
export function removedAddress(): usize { return removed }
export function admissionAddress(): usize { return cellsAddress() }
/** Most that the table takes when it is full, unless ids were chosen to collide. */
export function neededBytes(): f64 { return f64(needed) }
export function usedBytes(): f64 { return f64(mark()) }
export function liveRows(): u32 { return rows.liveRows() }
export function touchedRows(): u32 { return rows.touchedRows() }
export function chunkCount(): u32 { return rows.chunkCount() }
/** Of the last push or set, as the rest. */
export function nonFiniteRows(): u32 { return nonFinite }
export function badTimeRows(): u32 { return badTime }
export function noMemoryRows(): u32 { return noMemory }
export function unadmittedRows(): u32 { return unadmitted }
export function evictedRows(): u32 { return evicted }

export function pull(count: u32): void {
  const width = usize(dimension) << 2
  let out = floats
  locate(count, rows.entryBytes + width)
  for (let i: u32 = 0; i < count; i++, out += width) {
    const entry = find(i)
    if (entry != 0) copyFloats(out, entry + rows.entryBytes, dimension)
    else if (idAt(i) != 0) writeInitial(idAt(i), seed, scale, dimension, out)
    else memory.fill(out, 0, width)
  }
}

export function contains(count: u32): void {
  locate(count, rows.entryBytes)
  for (let i: u32 = 0; i < count; i++) store<u8>(flags + usize(i), u8(find(i) != 0))
}

export function eventTimes(count: u32): void {
  locate(count, rows.entryBytes)
  for (let i: u32 = 0; i < count; i++) {
    const entry = find(i)
    store<f64>(times + (usize(i) << 3), entry != 0 ? load<f64>(entry, 8) : 0)
  }
}

/** Returns how many rows changed; the flags say which ids had a row when their gradient came. */
export function push(count: u32): u32 {
  clearOutcome()
  nonFinite = 0
  badTime = 0
  let updated: u32 = 0
  let gradient = floats
  const width = usize(dimension) << 2
  locate(count, rows.entryBytes + (usize(columns) << 2))
  for (let i: u32 = 0; i < count; i++, gradient += width) {
    let entry = find(i)
    store<u8>(flags + usize(i), u8(entry != 0))
    if (idAt(i) == 0) continue
    const time = timeAt(i)
    if (!isFinite(time)) badTime++
    else if (!acceptableGradient(gradient, dimension)) nonFinite++
    else {
      if (entry == 0) entry = admit(i)
      if (entry == 0) continue
      const before = load<f64>(entry, 8)
      update(entry + rows.entryBytes, gradient, time - before)
      if (time > before) store<f64>(entry, time, 8)
      rows.touch(foundRow)
      updated++
    }
  }
  return updated
}

/** Returns how many rows were written. */
export function set(count: u32): u32 {
  clearOutcome()
  nonFinite = 0
  badTime = 0
  let updated: u32 = 0
  const width = usize(dimension) << 2
  locate(count, rows.entryBytes + width)
  for (let i: u32 = 0; i < count; i++) {
    if (idAt(i) == 0) continue
    const values = floats + usize(i) * width
    if (!isFinite(timeAt(i))) badTime++
    else if (!finiteValues(values, dimension)) nonFinite++
    else {
      let entry = find(i)
      if (entry == 0) entry = create(i)
      if (entry == 0) continue
      copyFloats(entry + rows.entryBytes, values, dimension)
      store<f64>(entry, timeAt(i), 8)
      rows.touch(foundRow)
      updated++
    }
  }
  return updated
}

export function remove(count: u32): void {
  for (let i: u32 = 0; i < count; i++) if (idAt(i) != 0) forget(idAt(i))
}

/** Removes the slice's rows with an event time before this one, reports and counts them. -1: no memory to list them. */
export function expire(slice: u32, beforeMs: f64): i32 {
  const listed = gatherSlice(slice)
  if (listed < 0) return -1
  let expired: i32 = 0
  for (let index: u32 = 0; index < u32(listed); index++) {
    const entry = gatheredAt(index)
    if (load<f64>(entry, 8) >= beforeMs) continue
    forgetReported(load<u64>(entry))
    expired++
  }
  flushReport()
  return expired
}

/** Ids of one chunk that were touched, to the ids column, in no order; they are touched no more. */
export function collectTouched(chunk: u32): u32 {
  return rows.collectTouched(chunk, ids)
}

/** Hashes of the ids of the segment that this directory entry names, to the ids column, in no order. */
export function collectHashes(entry: u32): u32 {
  return hashesOfSegment(entry, ids)
}

/** The directory entry of the next segment; 0 after the last. */
export function nextSegment(entry: u32): u32 {
  const end = segmentEnd(entry)
  return end >= directorySize() ? 0 : end
}

/** Takes hashes of ids that all have rows; gives ids, event times and whole rows (values and state side by side). */
export function exportRows(count: u32): void {
  for (let i: u32 = 0; i < count; i++) store<u64>(ids + (usize(i) << 3), idOfHash(idAt(i)))
  const width = usize(columns) << 2
  let out = floats
  locate(count, rows.entryBytes + width)
  for (let i: u32 = 0; i < count; i++, out += width) {
    const entry = find(i)
    copyFloats(out, entry + rows.entryBytes, columns)
    store<f64>(times + (usize(i) << 3), load<f64>(entry, 8))
  }
}

/** The reverse, untouched and with ids instead of hashes; false when a row has no place. */
export function importRows(count: u32): bool {
  const width = usize(columns) << 2
  let from = floats
  for (let i: u32 = 0; i < count; i++, from += width) {
    const entry = insert(idAt(i), hashOf(idAt(i)), timeAt(i))
    if (entry == 0) return false
    copyFloats(entry + rows.entryBytes, from, columns)
  }
  return true
}
