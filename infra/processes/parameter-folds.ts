// Which folds own the parameters, in either way of learning: for each bucket of the model and of the counts the group and the
// partition it is folded from. Owners run them; commands fold them anew to check what owners stored.
import { countsModel, examples, gradientsOf } from '../../schemas/topics.ts'
import { type Partition, partitionOf, type TopicPartition } from '../../streams/log/log.ts'
import type { CheckpointOwner } from '../../streams/processor/checkpoint.ts'
import type { Processor } from '../../streams/processor/processor.ts'
import { denseOptimizersOf } from '../../trainers/dense-optimizers.ts'
import { initialDense } from '../../trainers/model/initial-parameters.ts'
import { modelLayout } from '../../trainers/model/model-layout.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { type OnlineTrainerOptions, onlineTrainer } from '../../trainers/online-trainer.ts'
import { countShard } from '../../trainers/parameter-server/count-shard.ts'
import type { Rollback } from '../../trainers/parameter-server/rollbacks.ts'
import { shardProcessor } from '../../trainers/parameter-server/shard-processor.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import type { Config } from '../config/config.ts'
import { bucketsOf } from './engine-topics.ts'
import type { ModelSetup } from './model-setup.ts'

/** Checkpoints of an owner: the newest, and older ones the further apart the older, so that a rollback has where to begin. */
export const checkpointsKept = 12

/** Who folds one bucket from where. Await denseCompute() before a processor is made. */
export interface ParameterFold {
  readonly model: string
  readonly bucket: number
  readonly input: TopicPartition
  readonly owner: CheckpointOwner
  /** Several producers write to the input. */
  readonly sharedInput: boolean
  /** A fresh processor, as it was before the first input. */
  make(life?: FoldLife): Processor
}

/** What of a fold is not in its state. */
export interface FoldLife {
  readonly epoch?: number
  readonly rollbacks?: readonly Rollback[]
}

/** The group that folds a model's parameters, and the name of its processor in checkpoints. */
export function ownerGroup(config: Config, model: string): string {
  if (config.learning.mode === 'distributed') return `parameter-shard.${model}`
  return model === countsModel ? 'counter' : `trainer.${model}`
}

/** The topic that a model's parameters are folded from; its partitions are buckets, but in lockstep there is one. */
export function ownerInput(config: Config, model: string): string {
  return config.learning.mode === 'distributed' ? gradientsOf(model) : examples
}

/** Every fold of the deployment: those of the model, then those of the counts. */
export function parameterFolds(config: Config, setup: ModelSetup): ParameterFold[] {
  const buckets = bucketsOf(config)
  const numbersOf = (count: number) => Array.from({ length: count }, (_, number) => partitionOf(number))
  return [
    ...numbersOf(buckets.model).map((bucket) => foldOf(config, setup, setup.spec.model, bucket)),
    ...numbersOf(buckets.counts).map((bucket) => foldOf(config, setup, countsModel, bucket)),
  ]
}

function foldOf(config: Config, setup: ModelSetup, model: string, bucket: Partition): ParameterFold {
  const input = { topic: ownerInput(config, model), partition: bucket }
  const group = ownerGroup(config, model)
  if (config.learning.mode === 'distributed') {
    const owner = { ...input, group, processor: 'parameter-shard' }
    return {
      model,
      bucket,
      input,
      owner,
      sharedInput: true,
      make: (life) => ownedBucket(config, setup, model, bucket, life),
    }
  }
  const isCounts = model === countsModel
  const owner = { ...input, group, processor: isCounts ? 'counter' : 'trainer' }
  const make = (life?: FoldLife) =>
    isCounts ? lockstepCounter(config, setup, life) : lockstepTrainer(config, setup, life)
  return { model, bucket, input, owner, sharedInput: false, make }
}

/** The fold of one bucket of gradients. */
export function ownedBucket(config: Config, setup: ModelSetup, model: string, bucket: number, life: FoldLife = {}) {
  const buckets = bucketsOf(config)
  const shared = { bucket, tableFactory: wasmTable, syncIntervalMs: config.syncIntervalMs, ...life }
  if (model === countsModel) return shardProcessor({ ...shared, spec: countsSpec, buckets: buckets.counts })
  const { spec, features } = setup
  return shardProcessor({
    ...shared,
    spec,
    buckets: buckets.model,
    dense: initialDense(spec, modelLayout(spec, features)),
    denseOptimizerOf: denseOptimizersOf(spec),
  })
}

export function lockstepCounter(config: Config, { features }: ModelSetup, life: FoldLife = {}) {
  const { syncIntervalMs } = config
  return countShard({ spec: countsSpec, featureSet: features, tableFactory: wasmTable, syncIntervalMs, ...life })
}

export function lockstepTrainer(
  config: Config,
  { spec, features }: ModelSetup,
  life: FoldLife & Pick<OnlineTrainerOptions, 'onLearned'> = {},
) {
  return onlineTrainer({
    spec,
    featureSet: features,
    tableFactory: wasmTable,
    syncIntervalMs: config.syncIntervalMs,
    ...life,
  })
}
