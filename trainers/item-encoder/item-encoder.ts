// The item encoder: keeps a vector of every published video, encoded when it is published and whenever its own row changed,
// under tower tensors that stand still for a generation; a new generation re-encodes the whole catalog and ends with
// GenerationReady.
import type { Delta } from '../../schemas/generated.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import type { Processor, Recorded, StepOutput } from '../../streams/processor/processor.ts'
import type { TableFactory } from '../model/initial-parameters.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { GenerationEncoder } from './generation-encoder.ts'

export interface ItemEncoderOptions {
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  readonly tableFactory: TableFactory
  /** Partitions of the model's topics; one by default. */
  readonly buckets?: number
  /** Log time of the dense tensors' deltas between the starts of two generations. */
  readonly generationMs?: number
  /** Most videos re-encoded for a new generation per record; by default so few that it takes half of a generation at four
   *  deltas a second of each bucket, since whoever reads the vectors has other work. */
  readonly sliceVideos?: number
}

/** Reads `videos` and every bucket of `deltas.<model>`, writes `vectors.<model>` keyed by video. */
export interface ItemEncoder extends Processor {
  step(input: Recorded, output: StepOutput): void
  readonly generation: number
  readonly videos: number
  /** Whether something is missing before the delta: it must not be stepped until loadSnapshot has filled the gap. */
  misses(delta: Delta): boolean
  /** Replaces a bucket's rows by its owner's snapshot, unless that is older than they are; the videos among them are encoded
   *  anew. With the dense tensors' bucket the next delta of it starts a generation. */
  loadSnapshot(bucket: number, snapshot: Uint8Array): void
  /** Carries on what waits for further records; false where nothing does. For when none come. */
  idle(output: StepOutput): boolean
  /** Says that an earlier life published generations up to this one: those that start from a snapshot are numbered past it,
   *  since their tensors may be others. */
  published(generation: number): void
}

/** Await denseCompute() first. Throws config-invalid where spec and feature set do not fit. */
export function itemEncoder(options: ItemEncoderOptions): ItemEncoder {
  return new GenerationEncoder(options)
}
