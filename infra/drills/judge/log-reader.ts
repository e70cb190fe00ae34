// Every record that a log holds, as any consumer of it sees them, by topic and partition.
import { type Log, type LogRecord, offsetOf, partitionOf } from '../../../streams/log/log.ts'

export interface LogContents {
  /** Records of one partition in offset order; empty for one that does not exist. */
  of(topic: string, partition: number): readonly LogRecord[]
  /** Records of all partitions, partition by partition. */
  all(topic: string): readonly LogRecord[]
  partitions(topic: string): number
  readonly topics: readonly string[]
}

const recordsPerReadMax = 5_000
const waitMsMax = 2_000

export async function readLog(log: Log): Promise<LogContents> {
  const specs = await log.topics()
  const recordsByTopic = new Map<string, LogRecord[][]>()
  for (const { name, partitions } of specs) {
    const numbers = Array.from({ length: partitions }, (_, partition) => partition)
    recordsByTopic.set(name, await Promise.all(numbers.map((partition) => readPartition(log, name, partition))))
  }
  return {
    of: (topic, partition) => recordsByTopic.get(topic)?.[partition] ?? [],
    all: (topic) => (recordsByTopic.get(topic) ?? []).flat(),
    partitions: (topic) => recordsByTopic.get(topic)?.length ?? 0,
    topics: specs.map(({ name }) => name),
  }
}

async function readPartition(log: Log, topic: string, number: number): Promise<LogRecord[]> {
  const position = { topic, partition: partitionOf(number) }
  const { latest } = await log.bounds(position)
  const reader = await log.openReader({ ...position, from: offsetOf(0) })
  const records: LogRecord[] = []
  try {
    while (reader.position < latest) {
      const more = await reader.next({ recordsMax: recordsPerReadMax, waitMsMax })
      // Compaction and dropped repeats may leave nothing up to the end.
      if (more.length === 0) break
      for (const record of more) if (record.offset < latest) records.push(record)
    }
  } finally {
    await reader.close()
  }
  return records
}
