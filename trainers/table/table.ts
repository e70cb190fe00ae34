// A collisionless embedding table: 64-bit ids compared whole, rows of `dimension` float32 values, an optimizer's state
// beside them. Only gradients touch a row; a pull changes nothing.

export type OptimizerSpec =
  | {
      readonly kind: 'adagrad'
      readonly learningRate: number
      readonly initialAccumulator: number
      readonly epsilon: number
    }
  | { readonly kind: 'sgd'; readonly learningRate: number }
  /** value += gradient: exact running counts. */
  | { readonly kind: 'sum' }
  /** value = value * 2^(-elapsed / halfLife) + gradient, elapsed in event time since the row's last push (0 if negative). */
  | { readonly kind: 'decayed-sum'; readonly halfLifeMs: number }

export interface TableSpec {
  readonly name: string
  /** 1 to 256. */
  readonly dimension: number
  readonly optimizer: OptimizerSpec
  /** Missing rows read as uniform in [-initialScale, initialScale], derived from the id and this seed; 0: zeros. */
  readonly initialScale: number
  readonly seed: number
  readonly rowsMax: number
}

export interface PushResult {
  readonly updated: number
  /** Rows refused: a NaN, infinite or enormous (above 2^63) gradient, an event time that is not finite, or the table is full. */
  readonly refused: number
}

export interface Table {
  readonly spec: TableSpec
  readonly rows: number
  /** Copies `count` rows into `out` (count x dimension). Missing ids give their initial value; id 0 gives zeros. */
  pull(ids: BigUint64Array, count: number, out: Float32Array): void
  /** 1 where the id has a row, else 0. */
  contains(ids: BigUint64Array, count: number, out: Uint8Array): void
  /** Event time of each row's newest push; 0 for missing ids. */
  eventTimes(ids: BigUint64Array, count: number, out: Float64Array): void
  /** Applies one gradient row per id (ids distinct, 0 skipped). `eventTimeMs` is the newest event behind each. */
  push(ids: BigUint64Array, count: number, gradients: Float32Array, eventTimesMs: Float64Array): PushResult
  /** Overwrites values (optimizer state untouched, created fresh for new rows): how a view applies a delta. */
  set(ids: BigUint64Array, count: number, values: Float32Array, eventTimesMs: Float64Array): PushResult
  /** Also takes the ids off the touched set. */
  remove(ids: BigUint64Array, count: number): void
  /** Ids pushed or set since the last drain, ascending; clears the set. */
  drainTouched(): BigUint64Array
  /** Every row with values, optimizer state and event time, ascending by id: equal tables give equal bytes. */
  dump(): Uint8Array
  /** Replaces all rows by a dump of a table with the same dimension and optimizer. Touched set is empty after.
   *  Throws RangeError on a dump that does not fit. */
  load(dump: Uint8Array): void
}
