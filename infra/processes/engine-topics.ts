// Every topic that this configuration needs, with its dead-letter twin where bad records may arrive.
import {
  countsModel,
  deadLetterTopic,
  modelTopics,
  sharedTopics,
  type TopicSpec,
  userTopics,
} from '../../schemas/topics.ts'

export function engineTopics(model: string, partitions: number): TopicSpec[] {
  const read = [...userTopics(partitions), ...sharedTopics()]
  return [...read, ...read.map(deadLetterTopic), ...modelTopics(model, 1), ...modelTopics(countsModel, 1)]
}
