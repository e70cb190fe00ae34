// Blobs in memory: the reference for tests and simulations. Bytes are copied both ways.
import { FreshetError } from '../runtime/errors.ts'
import { blobNameParts } from './blob-name.ts'
import { type BlobStore, blobPartsOf } from './blob-store.ts'

export function memoryBlobStore(): BlobStore {
  const byName = new Map<string, Uint8Array>()
  return {
    async put(name, bytes) {
      blobNameParts(name)
      const copies: Uint8Array[] = []
      for await (const part of blobPartsOf(bytes)) copies.push(Uint8Array.from(part))
      byName.set(name, Buffer.concat(copies))
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
