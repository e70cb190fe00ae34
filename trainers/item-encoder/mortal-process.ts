// What a process reaches the log and the blobs through, for tests: when its life is over nothing it does has any effect.
import type { Log } from '../../streams/log/log.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'

export interface Life {
  isOver: boolean
  leave(): Promise<void>
}

const over = () => Promise.reject(new Error('this process was killed'))

/** Appends fail once the life is over, and nothing is revoked in an orderly way. */
export function mortalLog(log: Log, life: Life): Log {
  return {
    ...log,
    topics: () => log.topics(),
    bounds: (position) => log.bounds(position),
    openReader: (position) => log.openReader(position),
    append: (topic, records) => (life.isOver ? over() : log.append(topic, records)),
    async joinGroup(options) {
      const member = await log.joinGroup({
        ...options,
        onRevoked: async (partitions) => {
          if (!life.isOver) await options.onRevoked(partitions)
        },
      })
      life.leave = () => member.leave()
      return member
    },
  }
}

/** Puts fail once the life is over. */
export function mortalBlobs(blobs: BlobStore, life: Life): BlobStore {
  return {
    ...blobs,
    get: (name) => blobs.get(name),
    list: (prefix) => blobs.list(prefix),
    delete: (name) => blobs.delete(name),
    put: (name, bytes) => (life.isOver ? over() : blobs.put(name, bytes)),
  }
}
