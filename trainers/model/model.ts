// The ports between a trained model and whoever uses it: parameters as a replica keeps them, scoring, encoding.
import type { Delta } from '../../schemas/generated.ts'
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import type { Table } from '../table/table.ts'
import type { Bucketing } from './buckets.ts'

/** A dense tensor by name, row-major. */
export interface DenseParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** Reads rows of one table; a read changes nothing. As the table's own: id 0 and missing ids read as they do there. */
export type RowReader = Pick<Table, 'pull' | 'eventTimes' | 'contains'>

/** Rows and dense tensors of one model, whoever owns them: a parameter shard or a view. */
export interface Parameters {
  readonly model: string
  readonly dense: ReadonlyMap<string, DenseParameter>
  /** Rows of an item-side table wherever they lie, of a user-side one as of `userBucket`. An unknown table is a
   *  programmer's error. */
  rows(table: string, userBucket: number): RowReader
}

/** applied; stale: nothing new in it; gap: a version is missing, reload a snapshot of the bucket and replay. */
export type ApplyResult = 'applied' | 'stale' | 'gap'

/** A read-only copy of parameters that follows the deltas of every bucket. Weights are rounded to fp16 as on the wire,
 *  counts are not. */
export interface Replica extends Parameters {
  readonly bucketing: Bucketing
  /** Sum of the buckets' versions: rises with every delta applied. */
  readonly version: number
  /** Rows of deltas that were not taken, for want of memory or because they are no numbers. Should stay 0. */
  readonly rowsRefused: number
  /** Version of the newest delta of the bucket that was applied; 0 before the first. */
  versionOf(bucket: number): number
  apply(delta: Delta): ApplyResult
  /** What `apply` would answer; changes nothing. */
  outcomeOf(delta: Delta): ApplyResult
  /** Replaces everything of the bucket by a snapshot of its owner; false, and nothing changed, where that is older than what
   *  the bucket has. Throws RangeError on one of another spec or bucket. */
  load(bucket: number, snapshot: Uint8Array): boolean
}

export interface Scorer {
  /** Heads in the order of the columns of `score`. */
  readonly headNames: readonly string[]
  /** Predictions for one page: entries.length x headNames.length, probabilities (watchTime: seconds expected).
   *  `similarities` are the retrieval similarities of the entries, whatever source brought them; 0 where there is no
   *  vector. Frozen with the features: training takes the same numbers. `userBucket` holds the user's rows; 0 by default. */
  score(
    query: FeatureRow,
    entries: readonly FeatureRow[],
    similarities: Float32Array,
    userBucket?: number,
  ): Float32Array
}

/** Both towers give unit vectors of `dimension` numbers; user-side rows are those of `userBucket`, 0 by default. */
export interface TowerEncoder {
  readonly dimension: number
  /** What the logarithm of how much a video was shown weighs beside a similarity: 0 where the towers learned it themselves. */
  readonly priorScale: number
  encodeQuery(query: FeatureRow, userBucket?: number): Float32Array
  /** entries.length x dimension. */
  encodeEntries(entries: readonly FeatureRow[], userBucket?: number): Float32Array
}
