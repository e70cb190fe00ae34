// Publishes snapshots of a parameter shard, so that a view that starts or missed a delta has where to begin: the blob first,
// whole and durable, then the record that names it, then the old ones go. Whenever it is killed, what the newest record
// names is there as the record says.
import { encode } from '../../schemas/codec.ts'
import { checksum } from '../../schemas/ids.ts'
import { snapshotsOf } from '../../schemas/topics.ts'
import type { Log } from '../../streams/log/log.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import type { ParameterShard } from './parameter-shard.ts'

export interface SnapshotPublisherOptions {
  readonly shard: ParameterShard
  readonly log: Pick<Log, 'append'>
  readonly blobs: BlobStore
  readonly runtime: Pick<Runtime, 'clock'>
  readonly bucket?: number
  readonly epoch?: number
  /** Newest snapshots that stay. */
  readonly kept?: number
}

export interface SnapshotPublisher {
  /** Takes a snapshot unless nothing changed since the last. Gives its blob's name, or null. */
  publish(offsets: Readonly<Record<string, number>>): Promise<string | null>
}

export function snapshotPublisher(options: SnapshotPublisherOptions): SnapshotPublisher {
  const { shard, log, blobs, runtime } = options
  const { bucket = 0, epoch = 0, kept = 2 } = options
  const { model } = shard
  const prefix = `snapshots/${model}/${bucket}/`
  let publishedVersion = 0
  return {
    async publish(offsets) {
      const { version } = shard
      if (version === publishedVersion) return null
      const bytes = shard.dump()
      // Zero-padded, so that names sort by version. A shard that resumed may come by a version again with other bytes (what
      // it learned since its delta is in them too): they must not replace those that a record already names.
      const sum = checksum(bytes)
      const blob = `${prefix}${String(version).padStart(16, '0')}-${sum}`
      await blobs.put(blob, bytes)
      const nowMs = runtime.clock.nowMs()
      const value = encode({
        type: 'SnapshotTaken',
        model,
        bucket,
        epoch,
        version,
        blob,
        bytes: bytes.byteLength,
        checksum: sum,
        offsets,
        eventTimeMs: nowMs,
        lineage: 0,
      })
      await log.append(snapshotsOf(model), [{ key: String(bucket), value, timestampMs: nowMs }])
      publishedVersion = version
      // An earlier life may have left newer versions: the one just named stays all the same.
      const others = (await blobs.list(prefix)).filter((name) => name !== blob)
      for (const name of others.slice(0, Math.max(0, others.length + 1 - kept))) await blobs.delete(name)
      return blob
    },
  }
}
