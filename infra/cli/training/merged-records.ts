// Several partitions read as one: by the time at which the log accepted a record, then in the order the partitions are given.
// The same ranges give the same order, whoever reads when.
import type { Log, LogRecord, Reader, TopicPartition } from '../../../streams/log/log.ts'
import { offsetOf } from '../../../streams/log/log.ts'

/** Offsets from `from` to before `to`. */
export interface PartitionRange extends TopicPartition {
  readonly from: number
  readonly to: number
}

const recordsPerRead = 2_000
const recordsPerBatch = 2_000

/** Within a partition records stay in offset order. Close the generator to close its readers. */
export async function* mergedRecords(log: Log, ranges: readonly PartitionRange[]): AsyncGenerator<LogRecord[]> {
  const heads = await Promise.all(ranges.filter(({ from, to }) => from < to).map((range) => openHead(log, range)))
  try {
    let batch: LogRecord[] = []
    for (;;) {
      for (const head of heads) if (head.at >= head.records.length) await refill(head)
      const next = earliest(heads)
      if (next === null) break
      batch.push(next.records[next.at++]!)
      if (batch.length === recordsPerBatch) {
        yield batch
        batch = []
      }
    }
    if (batch.length > 0) yield batch
  } finally {
    await Promise.all(heads.map(({ reader }) => reader.close()))
  }
}

interface Head {
  readonly reader: Reader
  readonly to: number
  records: readonly LogRecord[]
  at: number
}

async function openHead(log: Log, { topic, partition, from, to }: PartitionRange): Promise<Head> {
  return { reader: await log.openReader({ topic, partition, from: offsetOf(from) }), to, records: [], at: 0 }
}

/** Leaves no record only where the range is over. */
async function refill(head: Head): Promise<void> {
  head.at = 0
  head.records = []
  while (head.records.length === 0 && head.reader.position < head.to) {
    const found = await head.reader.next({ recordsMax: recordsPerRead, waitMsMax: 1_000 })
    head.records = found.filter(({ offset }) => offset < head.to)
  }
}

function earliest(heads: readonly Head[]): Head | null {
  let best: Head | null = null
  for (const head of heads) {
    const record = head.records[head.at]
    if (record && (best === null || record.timestampMs < best.records[best.at]!.timestampMs)) best = head
  }
  return best
}
