// Blobs in memory: the reference for tests and simulations. Bytes are copied both ways.
import { FreshetError } from '../runtime/errors.ts'
import { blobNameParts } from './blob-name.ts'
import type { BlobStore } from './blob-store.ts'

export function memoryBlobStore(): BlobStore {
  const byName = new Map<string, Uint8Array>()
  return {
    async put(name, bytes) {
      blobNameParts(name)
      byName.set(name, Uint8Array.from(bytes))
    },
    async get(name) {
      blobNameParts(name)
      const bytes = byName.get(name)
      if (!bytes) throw blobMissing(name)
      return Uint8Array.from(bytes)
    },
    async list(prefix) {
      return [...byName.keys()].filter((name) => name.startsWith(prefix)).sort()
    },
    async delete(name) {
      blobNameParts(name)
      byName.delete(name)
    },
  }
}

export function blobMissing(name: string): FreshetError {
  return new FreshetError('blob-missing', `no blob ${name}: was it deleted, or is this another store?`, {
    details: { name },
  })
}
