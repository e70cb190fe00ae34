// Blobs as files of a folder: `blobs/` holds them under their names, each folder of a name with a "+" after it so that
// a blob "a" and a blob "a/b" can both be there; `writing/<writer>/` holds what is being put. A put is durable when it resolves,
// and after a crash a blob is its old bytes or its new ones.
import { type Disk, directoryOf, isMissing } from '../runtime/disk.ts'
import { readWhole } from '../runtime/write-atomically.ts'
import { blobNameParts } from './blob-name.ts'
import { type BlobStore, blobPartsOf } from './blob-store.ts'
import { blobMissing } from './memory-blob-store.ts'

let putCount = 0

/**
 * Threads and processes that write at the same time each need a `writer` name of their own: what is found under it at the
 * first put is cleared as left by a crash. Who only reads needs none.
 */
export function folderBlobStore(disk: Disk, directory: string, writer = 'only'): BlobStore {
  const blobs = `${directory}/blobs`
  const writing = `${directory}/writing/${writer}`
  let ready: Promise<void> | null = null

  async function prepare(): Promise<void> {
    await disk.makeDirectory(blobs)
    await disk.makeDirectory(writing)
    for (const name of await disk.list(writing)) await disk.remove(`${writing}/${name}`)
  }
  function pathOf(name: string): string {
    const parts = blobNameParts(name)
    const folders = parts.slice(0, -1).map((part) => `${part}+/`)
    return `${blobs}/${folders.join('')}${parts.at(-1)}`
  }

  return {
    async put(name, bytes) {
      const path = pathOf(name)
      ready ??= prepare().catch((error) => {
        ready = null
        throw error
      })
      await ready
      const temporary = `${writing}/${putCount++}`
      try {
        const file = await disk.open(temporary, 'write')
        try {
          for await (const part of blobPartsOf(bytes)) {
            if (part.byteLength > 0) await file.append([part])
          }
          await file.sync()
        } finally {
          await file.close()
        }
        await disk.makeDirectory(directoryOf(path))
        await disk.rename(temporary, path)
        await disk.syncDirectory(directoryOf(path))
      } catch (error) {
        await disk.remove(temporary).catch(() => {})
        throw error
      }
    },
    async get(name) {
      const bytes = await readWhole(disk, pathOf(name))
      if (!bytes) throw blobMissing(name)
      return bytes
    },
    async list(prefix) {
      const names: string[] = []
      await collect(disk, blobs, '', prefix, names)
      return names.sort()
    },
    async delete(name) {
      const path = pathOf(name)
      await disk.remove(path)
      await disk.syncDirectory(directoryOf(path)).catch((error) => {
        if (!isMissing(error)) throw error
      })
    },
  }
}

async function collect(disk: Disk, folder: string, name: string, prefix: string, names: string[]): Promise<void> {
  for (const entry of await disk.list(folder)) {
    if (!entry.endsWith('+/')) {
      if (`${name}${entry}`.startsWith(prefix)) names.push(`${name}${entry}`)
      continue
    }
    const inner = `${name}${entry.slice(0, -2)}/`
    if (inner.startsWith(prefix) || prefix.startsWith(inner)) {
      await collect(disk, `${folder}/${entry.slice(0, -1)}`, inner, prefix, names)
    }
  }
}
