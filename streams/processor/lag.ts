// How far each group is behind the topics it reads, as the log knows it.
import { type Log, offsetOf, type Partition, partitionOf, type TopicPartition } from '../log/log.ts'

export interface PartitionLag extends TopicPartition {
  readonly group: string
  /** Next offset the group will process, as last committed; the oldest record held where it never committed. */
  readonly next: number
  /** Offset the next record will get. */
  readonly latest: number
  /** Records that wait. */
  readonly lag: number
}

/** Lag of one group in one topic, by partition. Throws topic-unknown. */
export async function topicLag(log: Log, group: string, topic: string, partitions: number): Promise<PartitionLag[]> {
  const committed = await log.committed(group, topic)
  const positions = Array.from({ length: partitions }, (_, index): Partition => partitionOf(index))
  return Promise.all(
    positions.map(async (partition) => {
      const { earliest, latest } = await log.bounds({ topic, partition })
      const next = Math.max(earliest, committed.get(partition) ?? offsetOf(0))
      return { group, topic, partition, next, latest, lag: Math.max(0, latest - next) }
    }),
  )
}

/** Lag of every group in every topic that it ever committed to. */
export async function allLags(log: Log): Promise<PartitionLag[]> {
  const lags: PartitionLag[] = []
  const topics = await log.topics()
  for (const group of (await log.groups()).sort()) {
    for (const { name, partitions } of topics) {
      if ((await log.committed(group, name)).size > 0) lags.push(...(await topicLag(log, group, name, partitions)))
    }
  }
  return lags
}
