// Compaction of a topic of which only the newest record of a key must stay: rewrites the closed segments of a partition
// without superseded records and without deletions everyone has had time to see. Offsets keep their values.
import type { Disk } from '../runtime/disk.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { temporaryEnding } from '../runtime/write-atomically.ts'
import { type BatchHeader, encodeBatch, forEachRecord, sealBatch } from './batch-frame.ts'

import type { ScannedBatch } from './batch-scanner.ts'
import type { LogRecord } from './log.ts'
import type { LogLimits } from './log-limits.ts'
import type { PartitionLog } from './partition-log.ts'
import { readRecord } from './record-frame.ts'
import { indexPath, openSealedSegment, type Segment } from './segment.ts'

export interface CompactionOptions extends LogLimits {
  readonly disk: Disk
  readonly runtime: Runtime
}

/** Keys a single round looks at; more are left for the next round. About 150 bytes of memory each. */
const keysMax = 2_000_000

/**
 * Closes the active segment and compacts what is closed. Appends wait while it runs: they are rare on compacted topics.
 * O(records read), memory O(keys).
 */
export async function compact(partition: PartitionLog, options: CompactionOptions): Promise<void> {
  await partition.exclusive(async () => {
    await partition.roll()
    const closed = partition.segments.slice(0, -1)
    const newest = new Map<string, number>()
    let superseded = 0
    for (const segment of closed) {
      await forEachBatch(segment, (batch) =>
        forEachRecordOf(partition, batch, (record) => {
          if (record.key === null) return
          const before = newest.get(record.key)
          if (before !== undefined) superseded++
          if (before !== undefined || newest.size < keysMax) newest.set(record.key, record.offset)
        }),
      )
    }
    const droppableMs = options.runtime.clock.nowMs() - options.tombstoneMs
    const old = closed.some((segment) => segment.index.appendedMsNewest < droppableMs)
    if (superseded === 0 && !old && closed.length < 2) return
    for (const group of groupsOf(closed, options.segmentBytesMax)) {
      await rewrite(partition, group, newest, droppableMs, options)
    }
  })
}

/** Neighbours that fit into one segment together, as they are now. */
function groupsOf(segments: readonly Segment[], bytesMax: number): Segment[][] {
  const groups: Segment[][] = []
  let bytes = 0
  for (const segment of segments) {
    const last = groups.at(-1)
    if (last && bytes + segment.durableBytes <= bytesMax) {
      last.push(segment)
      bytes += segment.durableBytes
    } else {
      groups.push([segment])
      bytes = segment.durableBytes
    }
  }
  return groups
}

async function rewrite(
  partition: PartitionLog,
  group: readonly Segment[],
  newest: ReadonlyMap<string, number>,
  droppableMs: number,
  { disk }: CompactionOptions,
): Promise<void> {
  const first = group[0]!
  const temporary = `${first.path}${temporaryEnding}`
  const file = await disk.open(temporary, 'write')
  if (file.sizeBytes > 0) await file.truncate(0)
  for (const segment of group) {
    await forEachBatch(segment, async (batch) => {
      const kept: LogRecord[] = []
      forEachRecordOf(partition, batch, (record) => {
        const superseded = record.key !== null && (newest.get(record.key) ?? -1) > record.offset
        const forgotten = record.key !== null && record.value === null && batch.header.appendedMs < droppableMs
        if (!superseded && !forgotten) kept.push(record)
      })
      if (kept.length > 0) await file.append([reframed(kept, batch.header, file.sizeBytes)])
    })
  }
  await file.sync()
  await file.close()
  // The new segment stands under the first one's name: from the rename on it counts, and what is left of the others is
  // cleared at open should a crash come between.
  await disk.remove(indexPath(first.path))
  await disk.rename(temporary, first.path)
  await disk.syncDirectory(partition.place.directory)
  const replacement = await openSealedSegment(disk, partition.place, first.baseOffset)
  for (const segment of group) segment.retired = true
  partition.segments.splice(partition.segments.indexOf(first), group.length, replacement)
  partition.recent.clear()
  await first.file.close()
  for (const segment of group.slice(1)) await segment.retire(disk)
  await disk.syncDirectory(partition.place.directory)
}

function reframed(records: readonly LogRecord[], header: BatchHeader, durableBefore: number): Buffer {
  const offsets = records.map((record) => record.offset)
  const bare = records.map(({ partition: _, ...record }) => record)
  const batch = encodeBatch(bare, offsets[0]!, header.appendedMs, offsets)
  sealBatch(batch, durableBefore)
  return batch
}

async function forEachBatch(segment: Segment, visit: (batch: ScannedBatch) => void | Promise<void>): Promise<void> {
  const scanner = segment.scannerBefore(segment.baseOffset)
  for (;;) {
    const batch = await scanner.next(segment.durableBytes)
    if (batch === 'end') return
    if (batch === 'bad') throw segment.corrupt(scanner.position, segment.baseOffset, 'no intact batch')
    await visit(batch)
  }
}

function forEachRecordOf(
  partition: PartitionLog,
  { header, body }: ScannedBatch,
  visit: (record: LogRecord) => void,
): void {
  forEachRecord(body, header.recordCount, (at) => {
    visit(readRecord(body, at, partition.topic, partition.partition, header.baseOffset))
  })
}
