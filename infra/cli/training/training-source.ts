// What a run learns from: examples, corrections and Ticks in one order that is the same at every start.
import type { Example, LabelCorrection, Tick } from '../../../schemas/generated.ts'

/** frozen: as they were logged. recomputed: refolded point-in-time from what happened. */
export type FeatureOrigin = 'frozen' | 'recomputed'

export interface SourceRecord {
  /** Rising. Where there is one partition of `examples`, the record's offset in it. */
  readonly offset: number
  readonly record: Example | LabelCorrection | Tick
}

export interface TrainingSource {
  readonly features: FeatureOrigin
  /** Records to come from the beginning on, about; the same number at every start. */
  readonly recordsExpected: number
  /** All but the first `skip` records. */
  batches(skip: number): AsyncGenerator<readonly SourceRecord[]>
}
