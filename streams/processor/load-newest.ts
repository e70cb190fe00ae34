// Gives a fresh processor the newest state that it takes; where none can be used, its first one again, but only while the
// topic holds every record that was folded: starting over by itself must not lose what is gone from the log.
import type { Log } from '../log/log.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import {
  type CheckpointOwner,
  type CheckpointSearch,
  findCheckpoint,
  listCheckpoints,
  noCheckpointFits,
} from './checkpoint.ts'
import type { Processor } from './processor.ts'

export interface LoadOptions {
  readonly log: Pick<Log, 'bounds'>
  readonly blobs: BlobStore
  readonly owner: CheckpointOwner
  readonly processor: Processor
  readonly start?: 'earliest' | 'latest'
}

/** Throws checkpoint-corrupt where there are checkpoints, none can be used, and the topic lacks records or began elsewhere. */
export async function loadNewest(options: LoadOptions): Promise<CheckpointSearch> {
  const { log, blobs, owner, processor, start = 'earliest' } = options
  if ((await listCheckpoints(blobs, owner)).length === 0) return { found: null, refused: [] }
  const first = processor.dump()
  const search = await findCheckpoint(blobs, owner, (state) => processor.load(state))
  if (search.found !== null || search.refused.length === 0) return search
  const { earliest } = await log.bounds(owner)
  if (earliest > 0 || start !== 'earliest') throw noCheckpointFits(owner, search.refused)
  // A load that threw may have left half a state behind.
  processor.load(first)
  return search
}
