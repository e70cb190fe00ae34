// Every topic that this configuration needs, with its dead-letter twin where bad records may arrive.
import {
  countsModel,
  deadLetterTopic,
  modelTopics,
  sharedTopics,
  type TopicSpec,
  userTopics,
  vectorsOf,
} from '../../schemas/topics.ts'

export function engineTopics(model: string, partitions: number): TopicSpec[] {
  const read = [...userTopics(partitions), ...sharedTopics()]
  // Counts have no towers.
  const counts = modelTopics(countsModel, 1).filter((spec) => spec.name !== vectorsOf(countsModel))
  return [...read, ...read.map(deadLetterTopic), ...modelTopics(model, 1), ...counts]
}
