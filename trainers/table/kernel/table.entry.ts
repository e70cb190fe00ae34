// The table's exported calls. Each works on a batch in the scratch area, in two passes: locate every row, then copy or
// update.

import { acceptableGradient, adagrad, copyFloats, finiteValues, halved, scaledAdd, writeInitial } from './arithmetic'
import { createBatch, entryAt, flags, floats, idAt, ids, locate, locateAt, rowAt, timeAt, times, valuesAt } from './batch'
import { addSlot, createIndex, findSlot, hashOf, makeRoom, removeSlot } from './index-segments'
import { mark, rewind } from './memory'
import * as rows from './rows'

const kindAdagrad: u32 = 0
const kindSgd: u32 = 1
const kindSum: u32 = 2

let dimension: u32 = 0
let stateColumns: u32 = 0
let kind: u32 = 0
let seed: u32 = 0
let scale: f32 = 0
let rate: f32 = 0
let initialState: f32 = 0
let epsilon: f32 = 0
let halfLifeMs: f64 = 1
let rowsMax: u32 = 0
let scratchEnd: u64 = 0
let refused: u32 = 0

export function configure(
  dimensionOf: u32, stateOf: u32, kindOf: u32, rowsMaxOf: u32, seedOf: u32,
  scaleOf: f32, rateOf: f32, initialStateOf: f32, epsilonOf: f32, halfLifeMsOf: f64,
): bool {
  dimension = dimensionOf
  stateColumns = stateOf
  kind = kindOf
  rowsMax = rowsMaxOf
  seed = seedOf
  scale = scaleOf
  rate = rateOf
  initialState = initialStateOf
  epsilon = epsilonOf
  halfLifeMs = halfLifeMsOf
  const ready = createBatch(dimension + stateColumns)
  scratchEnd = mark()
  return ready && clear()
}

/** Forgets all rows; their memory is used again. */
export function clear(): bool {
  rewind(scratchEnd)
  return rows.createRows(rowsMax, usize(dimension + stateColumns) << 2) && createIndex(rowsMax)
}

export function idsAddress(): usize { return ids }
export function timesAddress(): usize { return times }
export function flagsAddress(): usize { return flags }
export function floatsAddress(): usize { return floats }
export function liveRows(): u32 { return rows.liveRows() }
export function touchedRows(): u32 { return rows.touchedRows() }
export function chunkCount(): u32 { return rows.chunkCount() }
/** Rows the last push or set refused. */
export function refusedRows(): u32 { return refused }

export function pull(count: u32): void {
  const width = usize(dimension) << 2
  locate(count, width, false)
  let out = floats
  for (let i: u32 = 0; i < count; i++) {
    const values = valuesAt(i)
    if (values != 0) copyFloats(out, values, dimension)
    else if (idAt(i) != 0) writeInitial(idAt(i), seed, scale, dimension, out)
    else memory.fill(out, 0, width)
    out += width
  }
}

export function contains(count: u32): void {
  locate(count, 0, false)
  for (let i: u32 = 0; i < count; i++) store<u8>(flags + usize(i), u8(valuesAt(i) != 0))
}

export function eventTimes(count: u32): void {
  locate(count, 0, true)
  for (let i: u32 = 0; i < count; i++) {
    store<f64>(times + (usize(i) << 3), valuesAt(i) != 0 ? load<f64>(entryAt(i), 8) : 0)
  }
}

/** Returns how many rows changed. */
export function push(count: u32): u32 {
  locate(count, usize(dimension + stateColumns) << 2, true)
  refused = 0
  let updated: u32 = 0
  let gradient = floats
  const width = usize(dimension) << 2
  for (let i: u32 = 0; i < count; i++, gradient += width) {
    if (idAt(i) == 0) continue
    const time = timeAt(i)
    if (!isFinite(time) || !acceptableGradient(gradient, dimension) || !ensure(i, time)) {
      refused++
      continue
    }
    const entry = entryAt(i)
    const before = load<f64>(entry, 8)
    update(valuesAt(i), gradient, time - before)
    if (time > before) store<f64>(entry, time, 8)
    rows.touch(rowAt(i))
    updated++
  }
  return updated
}

/** Returns how many rows were written. */
export function set(count: u32): u32 {
  locate(count, usize(dimension) << 2, true)
  refused = 0
  let updated: u32 = 0
  const width = usize(dimension) << 2
  for (let i: u32 = 0; i < count; i++) {
    if (idAt(i) == 0) continue
    const values = floats + usize(i) * width
    if (!isFinite(timeAt(i)) || !finiteValues(values, dimension) || !ensure(i, timeAt(i))) {
      refused++
      continue
    }
    copyFloats(valuesAt(i), values, dimension)
    store<f64>(entryAt(i), timeAt(i), 8)
    rows.touch(rowAt(i))
    updated++
  }
  return updated
}

export function remove(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const id = idAt(i)
    if (id == 0) continue
    const hash = hashOf(id)
    const slot = findSlot(id, hash)
    if (slot == 0) continue
    rows.releaseRow(load<u32>(slot, 8))
    removeSlot(slot, hash)
  }
}

/** Ids of one chunk, to the ids column, in no order; the touched ones are cleared when they are what was asked for. */
export function collect(chunk: u32, onlyTouched: bool): u32 {
  return rows.collectChunk(chunk, onlyTouched, ids)
}

/** Whole rows (values and state side by side) and event times of ids that all have rows. */
export function exportRows(count: u32): void {
  const columns = dimension + stateColumns
  locate(count, usize(columns) << 2, true)
  for (let i: u32 = 0; i < count; i++) {
    copyFloats(floats + ((usize(i) * usize(columns)) << 2), valuesAt(i), columns)
    store<f64>(times + (usize(i) << 3), load<f64>(entryAt(i), 8))
  }
}

/** The reverse, untouched; false when a row has no place. */
export function importRows(count: u32): bool {
  const columns = dimension + stateColumns
  locate(count, 0, false)
  for (let i: u32 = 0; i < count; i++) {
    if (!ensure(i, timeAt(i))) return false
    copyFloats(valuesAt(i), floats + ((usize(i) * usize(columns)) << 2), columns)
  }
  return true
}

/** Gives the i-th id a row with initial values when it has none. */
// @ts-ignore: decorator
@inline
function ensure(i: u32, time: f64): bool {
  return valuesAt(i) != 0 || create(i, time)
}

function create(i: u32, time: f64): bool {
  const id = idAt(i)
  const hash = hashOf(id)
  const twin = findSlot(id, hash)
  if (twin != 0) {
    locateAt(i, load<u64>(twin, 8))
    return true
  }
  if (!makeRoom(hash)) return false
  const row = rows.takeRow(id)
  if (!rows.isRow(row)) return false
  const place = (u64(rows.entryOf(row)) << 32) | u64(row)
  addSlot(id, hash, place)
  locateAt(i, place)
  const values = valuesAt(i)
  writeInitial(id, seed, scale, dimension, values)
  const state = values + (usize(dimension) << 2)
  for (let column: u32 = 0; column < stateColumns; column++) store<f32>(state + (usize(column) << 2), initialState)
  store<f64>(entryAt(i), time, 8)
  return true
}

// @ts-ignore: decorator
@inline
function update(values: usize, gradient: usize, elapsedMs: f64): void {
  if (kind == kindAdagrad) adagrad(values, gradient, dimension, rate, epsilon)
  else if (kind == kindSgd) scaledAdd(values, gradient, dimension, 1, -rate)
  else if (kind == kindSum) scaledAdd(values, gradient, dimension, 1, 1)
  else scaledAdd(values, gradient, dimension, elapsedMs > 0 ? f32(halved(elapsedMs / halfLifeMs)) : 1, 1)
}
