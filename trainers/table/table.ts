// A collisionless embedding table: 64-bit ids compared whole, rows of `dimension` float32 values, an optimizer's state
// beside them. Only gradients touch a row; a pull changes nothing.

export type OptimizerSpec =
  | { readonly kind: 'sgd'; readonly learningRate: number }
  | {
      readonly kind: 'adagrad'
      readonly learningRate: number
      readonly initialAccumulator: number
      readonly epsilon: number
    }
  /** AdaGrad with one accumulator per row, of the mean of the squared gradient. */
  | {
      readonly kind: 'rowwise-adagrad'
      readonly learningRate: number
      readonly initialAccumulator: number
      readonly epsilon: number
    }
  /** Bias is corrected by the number of pushes to the row itself, because rows are pushed sparsely. */
  | {
      readonly kind: 'adam'
      readonly learningRate: number
      readonly beta1: number
      readonly beta2: number
      readonly epsilon: number
    }
  /** FTRL-Proximal (McMahan et al. 2013). */
  | {
      readonly kind: 'ftrl'
      readonly alpha: number
      readonly beta: number
      readonly l1: number
      readonly l2: number
    }
  /** value += gradient: exact running counts. */
  | { readonly kind: 'sum' }
  /** value = value * 2^(-elapsed / halfLife) + gradient, elapsed in event time since the row's last push (0 if negative). */
  | { readonly kind: 'decayed-sum'; readonly halfLifeMs: number }

export interface AdmissionSpec {
  /** An id gets a row with the push that makes it this often seen, 1 to 65,535; earlier gradients are dropped. */
  readonly occurrences: number
  /** Ids without a row that are remembered, the last seen ones, about: 4 bytes each, rounded up to a power of two. */
  readonly counters: number
}

export interface TableSpec {
  readonly name: string
  /** 1 to 256. */
  readonly dimension: number
  readonly optimizer: OptimizerSpec
  /** Missing rows read as uniform in [-initialScale, initialScale], derived from the id and this seed; 0: zeros. */
  readonly initialScale: number
  readonly seed: number
  /** Never exceeded: a slice (`sliceCount`) that has its share of it removes its sixteenth with the oldest event times
   *  before it takes another row. Expired rows are the oldest, so they go first. */
  readonly rowsMax: number
  /** Absent or null: every id gets a row at once. */
  readonly admission?: AdmissionSpec | null | undefined
  /** Rows whose event time is further behind are removed by `expire`; absent or null: never. */
  readonly expiresAfterMs?: number | null | undefined
}

export interface PushResult {
  readonly updated: number
  /** All rows refused: `nonFinite` + `badTime` + `noMemory`. */
  readonly refused: number
  /** A NaN, infinite or enormous (above 2^63) gradient; of `set`, a value that is not finite. */
  readonly nonFinite: number
  /** An event time that is not finite. */
  readonly badTime: number
  /** The memory (4 GiB) is out, or so many ids share hash bits that only a hostile choice of ids explains it. */
  readonly noMemory: number
  /** Ids counted but not seen often enough for a row yet. Not refused. */
  readonly unadmitted: number
  /** Rows that this call removed because of `rowsMax`. */
  readonly evicted: number
}

export interface Table {
  readonly spec: TableSpec
  readonly rows: number
  /** Equal shares of the ids, by hash; a power of two, 1 for small tables. `expire` and eviction work slice by slice. */
  readonly sliceCount: number
  /** Copies `count` rows into `out` (count x dimension). Missing ids give their initial value; id 0 gives zeros. */
  pull(ids: BigUint64Array, count: number, out: Float32Array): void
  /** 1 where the id has a row, else 0. */
  contains(ids: BigUint64Array, count: number, out: Uint8Array): void
  /** Event time of each row's newest push; 0 for missing ids. */
  eventTimes(ids: BigUint64Array, count: number, out: Float64Array): void
  /** Applies one gradient row per id, in order, 0 skipped. Ids are meant to be distinct (see IdBatch); a repeated one is
   *  applied as often as it stands there. `eventTimeMs` is the newest event behind each, `occurrences` how often the id
   *  was seen (1 by default; matters for admission only). `existed` gets 1 where the id had a row when its gradient came, else 0.
   *  Arrays too short for `count` are a caller's error. */
  push(
    ids: BigUint64Array,
    count: number,
    gradients: Float32Array,
    eventTimesMs: Float64Array,
    occurrences?: Uint32Array,
    existed?: Uint8Array,
  ): PushResult
  /** Overwrites values (optimizer state untouched, created fresh for new rows): how a view applies a delta. Not subject
   *  to admission. */
  set(ids: BigUint64Array, count: number, values: Float32Array, eventTimesMs: Float64Array): PushResult
  /** Also takes the ids off the touched set. A row that comes back starts afresh, with its optimizer's state. */
  remove(ids: BigUint64Array, count: number): void
  /** Removes the rows with an event time before `watermarkMs - expiresAfterMs`, of one slice or of all, and returns how
   *  many. One slice takes at most a few milliseconds. Does nothing where the spec has no `expiresAfterMs`. */
  expire(watermarkMs: number, slice?: number): number
  /** Ids pushed or set since the last drain that have a row, ascending; clears the set. */
  drainTouched(): BigUint64Array
  /** Ids evicted or expired since the last drain that have no row now, ascending; clears the set, which grows until
   *  then. It is not part of a dump: drain before. */
  drainRemoved(): BigUint64Array
  /** Every row with values, optimizer state and event time, ascending by the ids' hash, and the admission counters:
   *  equal tables give equal bytes. */
  dump(): Uint8Array
  /** Size of a dump taken now. */
  readonly dumpByteLength: number
  /** The bytes of `dump()` in parts of at most about 1 MiB, a few milliseconds of work each. Pulls may come between
   *  parts, writes may not: the next part then fails an assertion. */
  dumpParts(): Iterable<Uint8Array>
  /** Replaces all rows by a dump of a table with the same dimension, optimizer and admission counters. Touched and removed
   *  sets are empty after. Throws RangeError, with nothing changed, on a dump that does not fit. */
  load(dump: Uint8Array): void
}
