// Where snapshots and checkpoints lie: one folder for all processes of a deployment, each writer under a name of its own.
import { basename, join } from 'node:path'
import { checksum } from '../../schemas/ids.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { folderBlobStore } from '../../streams/stores/folder-blob-store.ts'
import type { Config } from '../config/config.ts'

export const blobFolder = (config: Config): string => config.blobs.folder || join(config.dataDir, 'blobs')

/** The store of a thread that writes. Its name stays the same after a restart, so that it clears what its last life left. */
export function writtenBlobs(config: Config, thread: string): BlobStore {
  const sum = checksum(new TextEncoder().encode(config.dataDir))
  const place = basename(config.dataDir).replace(/[^A-Za-z0-9_-]/g, '_')
  return folderBlobStore(systemDisk, blobFolder(config), `${place}-${sum}-${thread}`)
}

/** The store of whoever only reads. */
export function readBlobs(config: Config): BlobStore {
  return folderBlobStore(systemDisk, blobFolder(config))
}
