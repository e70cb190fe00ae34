// What a view is made of.
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import type { Clock } from '../../streams/runtime/runtime.ts'
import type { Replica } from '../../trainers/model/model.ts'
import type { VectorIndex } from '../retrieval/vector-index.ts'
import type { VectorViewOptions } from './vector-view.ts'
import type { ViewLimits } from './view-limits.ts'

export interface ViewOptions {
  readonly features: FeatureSet
  /** The model that ranks, and the running counts. */
  readonly model: Replica
  readonly counts: Replica
  /** Partitions of the users' topics; one by default. */
  readonly userPartitions?: number
  /** Dimension of the item vectors. */
  readonly vectorDimension: number
  readonly encoderOf: VectorViewOptions['encoderOf']
  /** The exact index by default. */
  readonly makeIndex?: () => VectorIndex
  readonly clock: Clock
  readonly limits?: Partial<ViewLimits>
}
