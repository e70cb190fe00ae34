// The ports between a trained model and whoever uses it: parameters as a replica keeps them, scoring, encoding.
import type { Delta } from '../../schemas/generated.ts'
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import type { Table } from '../table/table.ts'

/** A dense tensor by name, row-major. */
export interface DenseParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** Rows and dense tensors of one model, whoever owns them: a parameter shard or a view. */
export interface Parameters {
  readonly model: string
  readonly tables: ReadonlyMap<string, Table>
  readonly dense: ReadonlyMap<string, DenseParameter>
}

/** applied; stale: nothing new in it; gap: a version is missing, reload a snapshot and replay. */
export type ApplyResult = 'applied' | 'stale' | 'gap'

/** A read-only copy of parameters that follows deltas. Weights are rounded to fp16 as on the wire, counts are not. */
export interface Replica extends Parameters {
  /** Version of the newest delta applied; 0 before the first. */
  readonly version: number
  apply(delta: Delta): ApplyResult
  /** Replaces everything by a snapshot of the owner. Throws RangeError on one of another spec. */
  load(snapshot: Uint8Array): void
}

export interface Scorer {
  /** Heads in the order of the columns of `score`. */
  readonly headNames: readonly string[]
  /** Predictions for one page: entries.length x headNames.length, probabilities (watchTime: seconds expected).
   *  `similarities` are the retrieval similarities of the entries, whatever source brought them; 0 where there is no
   *  vector. Frozen with the features: training takes the same numbers. */
  score(query: FeatureRow, entries: readonly FeatureRow[], similarities: Float32Array): Float32Array
}

/** Both towers give unit vectors of `dimension` numbers. */
export interface TowerEncoder {
  readonly dimension: number
  encodeQuery(query: FeatureRow): Float32Array
  /** entries.length x dimension. */
  encodeEntries(entries: readonly FeatureRow[]): Float32Array
}
