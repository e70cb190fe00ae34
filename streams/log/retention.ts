// Removes segments whose records were all appended longer ago than the topic keeps them.
import type { Disk } from '../runtime/disk.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { PartitionLog } from './partition-log.ts'

/** The active segment is closed when it is older than this part of the retention, so that it can go in time. */
const rollsPerRetention = 8

export async function applyRetention(
  partition: PartitionLog,
  { disk, runtime }: { readonly disk: Disk; readonly runtime: Runtime },
): Promise<void> {
  const retentionMs = partition.spec().retentionMs
  if (retentionMs === null) return
  const nowMs = runtime.clock.nowMs()
  await partition.exclusive(async () => {
    if (partition.active.firstAppendedMs < nowMs - retentionMs / rollsPerRetention) await partition.roll()
    while (partition.segments.length > 1 && partition.segments[0]!.index.appendedMsNewest < nowMs - retentionMs) {
      const oldest = partition.segments[0]!
      oldest.retired = true
      partition.segments.shift()
      if (partition.segments.length === 1) partition.recent.clear()
      await oldest.retire(disk)
    }
    await disk.syncDirectory(partition.place.directory)
  })
}
