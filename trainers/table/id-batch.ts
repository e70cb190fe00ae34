// The distinct ids of a batch in order of first appearance, and for each position which of them it holds.

import { assert } from '../../streams/runtime/errors.ts'

/** At a position that holds id 0. */
export const absentIndex = 0xffffffff

/** Reused from batch to batch: its arrays grow and are never given back, so views of them last until the next `build`. */
export class IdBatch {
  #uniqueIds = new BigUint64Array(64)
  #uniqueHalves = new Uint32Array(this.#uniqueIds.buffer)
  #occurrences = new Uint32Array(64)
  #index = new Uint32Array(64)
  /** Open addressing, at most half full: 1 + unique index, 0 where empty. */
  #places = new Uint32Array(128)
  #uniqueCount = 0
  #count = 0

  /** The first `uniqueCount` entries are meant. */
  get uniqueIds(): BigUint64Array {
    return this.#uniqueIds
  }

  get uniqueCount(): number {
    return this.#uniqueCount
  }

  /** Positions of the batch. */
  get count(): number {
    return this.#count
  }

  /** Position -> unique index, `absentIndex` for id 0; the first `count` entries are meant. */
  get index(): Uint32Array {
    return this.#index
  }

  /** Unique index -> how many positions hold it. */
  get occurrences(): Uint32Array {
    return this.#occurrences
  }

  /** Takes the first `count` of `ids`; id 0 means absent. */
  build(ids: BigUint64Array, count: number): void {
    assert(ids.length >= count, `batch of ${count} ids, ${ids.length} given`)
    this.#reserve(count)
    const halves = new Uint32Array(ids.buffer, ids.byteOffset, count * 2)
    this.#count = count
    // A small batch after a large one need not clear all.
    const places = this.#places.fill(0, 0, placesFor(count))
    this.#uniqueCount = indexIds(halves, count, places, this.#uniqueHalves, this.#occurrences, this.#index)
  }

  #reserve(count: number): void {
    if (count <= this.#index.length) return
    const capacity = 2 ** Math.ceil(Math.log2(count))
    this.#uniqueIds = new BigUint64Array(capacity)
    this.#uniqueHalves = new Uint32Array(this.#uniqueIds.buffer)
    this.#occurrences = new Uint32Array(capacity)
    this.#index = new Uint32Array(capacity)
    this.#places = new Uint32Array(capacity * 2)
  }
}

/** A power of two, at least twice the count. */
function placesFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(2 * Math.max(1, count)))
}

/** Returns the number of distinct ids. Ids are pairs of 32-bit halves, because comparing bigints would allocate them. */
function indexIds(
  halves: Uint32Array,
  count: number,
  places: Uint32Array,
  uniqueHalves: Uint32Array,
  occurrences: Uint32Array,
  index: Uint32Array,
): number {
  const mask = placesFor(count) - 1
  let uniqueCount = 0
  for (let position = 0; position < count; position++) {
    const low = halves[position * 2]!
    const high = halves[position * 2 + 1]!
    if (low === 0 && high === 0) {
      index[position] = absentIndex
      continue
    }
    let place = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1)
    place = (place ^ (place >>> 15)) & mask
    let held = places[place]!
    while (held !== 0 && (uniqueHalves[held * 2 - 2] !== low || uniqueHalves[held * 2 - 1] !== high)) {
      place = (place + 1) & mask
      held = places[place]!
    }
    if (held === 0) {
      uniqueHalves[uniqueCount * 2] = low
      uniqueHalves[uniqueCount * 2 + 1] = high
      occurrences[uniqueCount] = 0
      held = ++uniqueCount
      places[place] = held
    }
    occurrences[held - 1]! += 1
    index[position] = held - 1
  }
  return uniqueCount
}
