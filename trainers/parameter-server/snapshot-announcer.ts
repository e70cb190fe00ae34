// A checkpoint of an owner is also the snapshot of its bucket: once it is stored, a record in `snapshots.<model>` names it,
// so that a view that starts or missed a delta has where to begin. What is held back from views is not named.
import { encode } from '../../schemas/codec.ts'
import { snapshotsOf } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import type { StoredCheckpoint } from '../../streams/processor/checkpoint.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { DumpedState } from './dump-ledger.ts'

export type { StoredCheckpoint }

export interface SnapshotAnnouncerOptions {
  readonly log: Pick<Log, 'append'>
  readonly runtime: Pick<Runtime, 'clock'>
  readonly model: string
  readonly bucket: number
  readonly epoch: number
  /** Where `next` counts: the input of the owner's fold. */
  readonly topic: string
  readonly partition: number
  readonly shard: { dumpedAt(next: number): DumpedState | null }
}

/** To be called with each durable checkpoint, whose state has a section `shard`. Resolves when the record is durable: true, or false where there was nothing to name. */
export function snapshotAnnouncer(options: SnapshotAnnouncerOptions): (taken: StoredCheckpoint) => Promise<boolean> {
  const { log, runtime, model, bucket, epoch, topic, partition, shard } = options
  return async ({ blob, byteLength, checksum, next }) => {
    const state = shard.dumpedAt(next)
    if (!state || state.isHeld) return false
    const nowMs = runtime.clock.nowMs()
    const value = encode({
      type: 'SnapshotTaken',
      model,
      bucket,
      epoch,
      version: state.version,
      blob,
      bytes: byteLength,
      checksum,
      offsets: { [`${topic}/${partition}`]: next },
      eventTimeMs: nowMs,
      lineage: state.lineage,
    })
    const record = { key: `snapshot/${bucket}`, value, timestampMs: nowMs, partition: partitionOf(bucket) }
    await log.append(snapshotsOf(model), [record])
    return true
  }
}
