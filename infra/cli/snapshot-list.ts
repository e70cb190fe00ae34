// The snapshots of a deployment as they lie in its blob folder, beside what the log says of them.
import { decode, recordTypeOf } from '../../schemas/codec.ts'
import type { SnapshotTaken } from '../../schemas/generated.ts'
import { checksum } from '../../schemas/ids.ts'
import { snapshotsOf } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { checkpointHeader, checkpointState, listCheckpoints } from '../../streams/processor/checkpoint.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { ownedStateOf } from '../../trainers/parameter-server/owned-bucket.ts'
import type { ParameterFold } from '../processes/parameter-folds.ts'

export interface ListedSnapshot {
  readonly model: string
  readonly bucket: number
  readonly blob: string
  /** Next input offset by "topic/partition". */
  readonly offsets: Readonly<Record<string, number>>
  readonly bytes: number
  /** Since it was announced; null where it was not. */
  readonly ageMs: number | null
  readonly version: number
  readonly lineage: number
  /** Views were told of it, and of these very bytes. */
  readonly announced: boolean
  /** Whole, and what its record says where there is one. */
  readonly checksumOk: boolean
}

/** Oldest first. */
export async function snapshotsOfFold(
  fold: ParameterFold,
  log: Log,
  blobs: BlobStore,
  nowMs: number,
): Promise<ListedSnapshot[]> {
  const told = await announcements(fold, log)
  const listed: ListedSnapshot[] = []
  for (const blob of await listCheckpoints(blobs, fold.owner)) {
    const bytes = await bytesOf(blobs, blob)
    if (bytes !== null) listed.push(describe(fold, blob, bytes, told, nowMs))
  }
  return listed
}

/** null: an owner pruned it meanwhile. */
export async function bytesOf(blobs: BlobStore, blob: string): Promise<Uint8Array | null> {
  try {
    return await blobs.get(blob)
  } catch (error) {
    if (error instanceof FreshetError && error.code === 'blob-missing') return null
    throw error
  }
}

function describe(
  { model, bucket, input }: ParameterFold,
  blob: string,
  bytes: Uint8Array,
  told: readonly SnapshotTaken[],
  nowMs: number,
): ListedSnapshot {
  const sum = checksum(bytes)
  const record = told.find((one) => one.blob === blob && one.checksum === sum)
  // Another record of the same name was of bytes that were replaced.
  const shown = { model, bucket, blob, bytes: bytes.byteLength, announced: record !== undefined }
  const ageMs = record ? nowMs - record.eventTimeMs : null
  try {
    const { next } = checkpointHeader(bytes)
    const { version, lineage } = ownedStateOf(checkpointState(bytes))
    const offsets = { [`${input.topic}/${input.partition}`]: next }
    return { ...shown, offsets, ageMs, version, lineage, checksumOk: true }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { ...shown, offsets: {}, ageMs, version: -1, lineage: -1, checksumOk: false }
  }
}

/** Every announcement of the bucket that the log still holds. */
export async function announcements({ model, bucket }: ParameterFold, log: Log): Promise<SnapshotTaken[]> {
  const place = { topic: snapshotsOf(model), partition: partitionOf(bucket) }
  const { earliest, latest } = await log.bounds(place)
  const reader = await log.openReader({ ...place, from: earliest })
  const found: SnapshotTaken[] = []
  try {
    while (reader.position < latest) {
      const records = await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })
      if (records.length === 0) break
      for (const { value } of records) {
        if (value === null || recordTypeOf(value) !== 'SnapshotTaken') continue
        const record = decode(value)
        if (record.type === 'SnapshotTaken') found.push(record)
      }
    }
  } finally {
    await reader.close()
  }
  return found
}
