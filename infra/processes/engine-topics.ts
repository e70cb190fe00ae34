// Every topic that this configuration needs, with its dead-letter twin where bad records may arrive.
import {
  countsModel,
  deadLetterTopic,
  gradientsOf,
  modelTopics,
  sharedTopics,
  type TopicSpec,
  userTopics,
  vectorsOf,
} from '../../schemas/topics.ts'
import type { Config } from '../config/config.ts'

/** Partitions of the model's topics and of those of the counts, which have no dense tensors. In lockstep everything is one. */
export function bucketsOf({ learning }: Config): { readonly model: number; readonly counts: number } {
  return learning.mode === 'lockstep'
    ? { model: 1, counts: 1 }
    : { model: learning.buckets, counts: learning.buckets - 1 }
}

export function engineTopics(config: Config, model: string): TopicSpec[] {
  const buckets = bucketsOf(config)
  const read = [...userTopics(config.log.partitions), ...sharedTopics()]
  const models = [
    ...modelTopics(model, buckets.model),
    // Counts have no towers.
    ...modelTopics(countsModel, buckets.counts).filter((spec) => spec.name !== vectorsOf(countsModel)),
  ]
  const gradients = models.filter(({ name }) => [gradientsOf(model), gradientsOf(countsModel)].includes(name))
  return [...read, ...models, ...[...read, ...gradients].map(deadLetterTopic)]
}
