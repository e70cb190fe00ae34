// Item-side rows that lie in several buckets, read as if they were one table: each id is looked up in the table of its own
// bucket. O(count), two copies of what is read.

import type { Table } from '../table/table.ts'
import { type Bucketing, itemBucketOf } from './buckets.ts'
import type { RowReader } from './model.ts'

/** `tables` are those of the row buckets, in order. With one bucket the reader is the table itself. */
export function routedRows(tables: readonly Table[], layout: Bucketing): RowReader {
  return tables.length === 1 ? tables[0]! : new RoutedRows(tables, layout)
}

class RoutedRows implements RowReader {
  readonly #tables: readonly Table[]
  readonly #layout: Bucketing
  readonly #dimension: number
  /** End of each bucket's share of the sorted ids. */
  readonly #ends: Uint32Array
  /** Bucket of each position, then the positions sorted by bucket. */
  #buckets = new Uint32Array(0)
  #positions = new Uint32Array(0)
  #ids = new BigUint64Array(0)
  #values = new Float32Array(0)
  #times = new Float64Array(0)
  #flags = new Uint8Array(0)

  constructor(tables: readonly Table[], layout: Bucketing) {
    this.#tables = tables
    this.#layout = layout
    this.#dimension = tables[0]!.spec.dimension
    this.#ends = new Uint32Array(tables.length)
  }

  pull(ids: BigUint64Array, count: number, out: Float32Array): void {
    const only = this.#tableOfOne(ids, count)
    if (only) {
      only.pull(ids, count, out)
      return
    }
    const dimension = this.#dimension
    this.#route(ids, count)
    if (this.#values.length < count * dimension) this.#values = new Float32Array(this.#ids.length * dimension)
    this.#eachBucket((table, from, to) => {
      table.pull(this.#ids.subarray(from, to), to - from, this.#values.subarray(from * dimension, to * dimension))
    })
    scatterRows(this.#values, this.#positions, count, dimension, out)
  }

  eventTimes(ids: BigUint64Array, count: number, out: Float64Array): void {
    const only = this.#tableOfOne(ids, count)
    if (only) {
      only.eventTimes(ids, count, out)
      return
    }
    this.#route(ids, count)
    if (this.#times.length < count) this.#times = new Float64Array(this.#ids.length)
    this.#eachBucket((table, from, to) => {
      table.eventTimes(this.#ids.subarray(from, to), to - from, this.#times.subarray(from, to))
    })
    for (let place = 0; place < count; place++) out[this.#positions[place]!] = this.#times[place]!
  }

  contains(ids: BigUint64Array, count: number, out: Uint8Array): void {
    const only = this.#tableOfOne(ids, count)
    if (only) {
      only.contains(ids, count, out)
      return
    }
    this.#route(ids, count)
    if (this.#flags.length < count) this.#flags = new Uint8Array(this.#ids.length)
    this.#eachBucket((table, from, to) => {
      table.contains(this.#ids.subarray(from, to), to - from, this.#flags.subarray(from, to))
    })
    for (let place = 0; place < count; place++) out[this.#positions[place]!] = this.#flags[place]!
  }

  /** Count rows are read one by one: no sorting for those. */
  #tableOfOne(ids: BigUint64Array, count: number): Table | null {
    if (count !== 1) return null
    const [, highHalf] = new Uint32Array(ids.buffer, ids.byteOffset, 2)
    return this.#tables[itemBucketOf(highHalf!, this.#layout)]!
  }

  #eachBucket(read: (table: Table, from: number, to: number) => void): void {
    let from = 0
    for (const [bucket, table] of this.#tables.entries()) {
      const to = this.#ends[bucket]!
      if (to > from) read(table, from, to)
      from = to
    }
  }

  /** Counting sort of the ids by bucket; id 0, which is in no table, may go anywhere. */
  #route(ids: BigUint64Array, count: number): void {
    if (this.#ids.length < count) {
      const capacity = 2 ** Math.ceil(Math.log2(Math.max(64, count)))
      this.#buckets = new Uint32Array(capacity)
      this.#positions = new Uint32Array(capacity)
      this.#ids = new BigUint64Array(capacity)
    }
    const halves = new Uint32Array(ids.buffer, ids.byteOffset, count * 2)
    const sortedHalves = new Uint32Array(this.#ids.buffer)
    const ends = this.#ends.fill(0)
    for (let position = 0; position < count; position++) {
      const bucket = itemBucketOf(halves[position * 2 + 1]!, this.#layout)
      this.#buckets[position] = bucket
      ends[bucket]!++
    }
    for (let bucket = 1; bucket < ends.length; bucket++) ends[bucket] = ends[bucket]! + ends[bucket - 1]!
    // Filled from behind, so that each end becomes its bucket's start; the starts are the ends of those before.
    for (let position = count - 1; position >= 0; position--) {
      const place = --ends[this.#buckets[position]!]!
      this.#positions[place] = position
      sortedHalves[place * 2] = halves[position * 2]!
      sortedHalves[place * 2 + 1] = halves[position * 2 + 1]!
    }
    for (let bucket = 0; bucket < ends.length - 1; bucket++) ends[bucket] = ends[bucket + 1]!
    ends[ends.length - 1] = count
  }
}

function scatterRows(
  values: Float32Array,
  positions: Uint32Array,
  count: number,
  dimension: number,
  out: Float32Array,
): void {
  for (let place = 0; place < count; place++) {
    const to = positions[place]! * dimension
    const from = place * dimension
    for (let column = 0; column < dimension; column++) out[to + column] = values[from + column]!
  }
}
