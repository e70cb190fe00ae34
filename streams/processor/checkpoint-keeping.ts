// Writes checkpoints part by part and removes those that nobody needs any more, never the newest two.
import { runningChecksum } from '../../schemas/ids.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import {
  type CheckpointOwner,
  type CheckpointPosition,
  checkpointName,
  encodeHeader,
  listCheckpoints,
  type RefusedCheckpoint,
  type StoredCheckpoint,
} from './checkpoint.ts'
import { keptCheckpoints } from './kept-checkpoints.ts'

/** Between two parts of a blob others may run. */
const partBytesMax = 1 << 22

/** Stores a checkpoint whose state comes in parts, which must not change meanwhile. */
export async function putCheckpoint(
  blobs: BlobStore,
  owner: CheckpointOwner,
  position: CheckpointPosition,
  state: readonly Uint8Array[],
): Promise<StoredCheckpoint> {
  const blob = checkpointName(owner, position.next)
  const sum = runningChecksum()
  let byteLength = 0
  function counted(part: Uint8Array): Uint8Array {
    sum.update(part)
    byteLength += part.byteLength
    return part
  }
  function* parts(): Generator<Uint8Array> {
    for (const part of [encodeHeader(owner, position), ...state]) {
      for (let at = 0; at < part.byteLength; at += partBytesMax) yield counted(part.subarray(at, at + partBytesMax))
    }
    yield counted(Buffer.from(sum.digest(), 'latin1'))
  }
  await blobs.put(blob, parts())
  return { blob, byteLength, checksum: sum.digest(), next: position.next }
}

export interface Pruning {
  /** Just stored. */
  readonly newest: StoredCheckpoint
  /** How many to keep, as `keptCheckpoints` chooses. */
  readonly kept: number
  /** Found to be of no use when their owner began: they go, and do not count. One taken past a rollback may have a higher
   *  offset than every good one. */
  readonly refused: readonly RefusedCheckpoint[]
  /** Blobs that somebody may still be told to load: they stay whatever else holds. */
  readonly needed: ReadonlySet<string>
}

/** Removes the checkpoints that nobody needs any more. */
export async function pruneCheckpoints(blobs: BlobStore, owner: CheckpointOwner, pruning: Pruning): Promise<void> {
  const { newest, kept, refused, needed } = pruning
  const useless = new Set(refused.map(({ blob }) => blob).filter((blob) => blob !== newest.blob))
  const names = await listCheckpoints(blobs, owner)
  const stay = keptCheckpoints(names.filter((name) => !useless.has(name)).map(offsetIn), kept)
  for (const name of names) {
    if (!needed.has(name) && (useless.has(name) || !stay.has(offsetIn(name)))) await blobs.delete(name)
  }
}

function offsetIn(name: string): number {
  return Number(name.slice(name.lastIndexOf('/') + 1))
}
