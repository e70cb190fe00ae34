// How each dense tensor of a model learns, as its spec says: those of the towers and those of the ranker.
import type { ModelSpec } from './model/model-spec.ts'
import type { DenseOptimizer } from './parameter-server/parameter-shard.ts'

/** For a model with ranker and towers; by tensor name. */
export function denseOptimizersOf({ ranker, towers }: ModelSpec): (name: string) => DenseOptimizer {
  return (name) => (name.startsWith('tower.') ? towers : ranker)!.optimizer
}
