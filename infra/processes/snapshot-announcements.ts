// Names the checkpoints of owned buckets as snapshots: by the processor and the epoch under which each bucket is owned now.
import type { Processor } from '../../streams/processor/processor.ts'
import { type StoredCheckpoint, snapshotAnnouncer } from '../../trainers/parameter-server/snapshot-announcer.ts'
import type { OwnedFold } from './owner-metrics.ts'
import type { RolePlace } from './running-role.ts'

export interface SnapshotAnnouncements {
  /** From here on this fold owns the bucket of that number; gives it back. */
  owned<Fold extends OwnedFold>(bucket: number, epoch: number, fold: Fold): Fold
  taken(bucket: number, checkpoint: StoredCheckpoint): Promise<void>
}

/** `topic`: what the folds read, one partition for each bucket. */
export function announceFor(
  { log, runtime }: Pick<RolePlace, 'log' | 'runtime'>,
  model: string,
  topic: string,
): SnapshotAnnouncements {
  const announcers = new Map<number, (taken: StoredCheckpoint) => Promise<boolean>>()
  return {
    owned(bucket, epoch, shard) {
      announcers.set(bucket, snapshotAnnouncer({ log, runtime, model, bucket, epoch, topic, partition: bucket, shard }))
      return shard satisfies Processor
    },
    async taken(bucket, checkpoint) {
      await announcers.get(bucket)?.(checkpoint)
    },
  }
}
