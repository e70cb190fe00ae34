// Order of source positions, and how far an output partition already holds the outputs of a producer.
import { type Log, type LogRecord, offsetOf, type SourcePosition, type TopicPartition } from '../log/log.ts'

/** Negative where `left` comes before `right`. */
export function compareSources(left: SourcePosition, right: SourcePosition): number {
  return left.offset - right.offset || left.ordinal - right.ordinal
}

/** Whether `position` is at or before the newest one known. */
export function isRepeat(position: SourcePosition, newest: SourcePosition | null): boolean {
  return newest !== null && compareSources(position, newest) <= 0
}

const firstStretch = 64
const recordsPerFetchMax = 1_000

/**
 * Source position of the newest record of the partition that `isOwn` accepts; null where there is none. Reads back from
 * the end in stretches that double, so a partition with one producer costs one small read.
 */
export async function newestSource(
  log: Log,
  position: TopicPartition,
  isOwn: (record: LogRecord) => boolean = () => true,
): Promise<SourcePosition | null> {
  const { earliest, latest } = await log.bounds(position)
  let end: number = latest
  for (let stretch = firstStretch; end > earliest; stretch *= 2) {
    const start = Math.max(earliest, end - stretch)
    const newest = await newestBetween(log, position, start, end, isOwn)
    if (newest) return newest
    end = start
  }
  return null
}

async function newestBetween(
  log: Log,
  position: TopicPartition,
  start: number,
  end: number,
  isOwn: (record: LogRecord) => boolean,
): Promise<SourcePosition | null> {
  let newest: SourcePosition | null = null
  const reader = await log.openReader({ ...position, from: offsetOf(start) })
  try {
    while (reader.position < end) {
      const records = await reader.next({ recordsMax: recordsPerFetchMax, waitMsMax: 0 })
      if (records.length === 0) break
      for (const record of records) {
        if (record.offset < end && record.source && isOwn(record)) newest = record.source
      }
    }
  } finally {
    await reader.close()
  }
  return newest
}
