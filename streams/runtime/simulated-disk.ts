// A disk in memory that forgets what was not synced. It can stop after any number of operations, as a machine does, and
// come back with what a real one could have kept: synced bytes whole, unsynced bytes as a random prefix with pages of it
// zeroed, and folder entries as a prefix of the changes since the folder was synced.
import { type Disk, type DiskFile, type DiskLock, directoryOf } from './disk.ts'
import { seededRandom } from './simulated-runtime.ts'

export interface SimulatedDisk extends Disk {
  /** The disk stops at once: every operation, also of open files, fails until restart. */
  crash(): void
  /** Stops by itself at the given number of changing operations from now. */
  crashAfter(operations: number): void
  /** What survived, chosen by the seed; locks are gone. */
  restart(seed: number): void
  /** Bytes all files may hold together; more fails with ENOSPC after a part was written. */
  limitBytes(bytes: number): void
  /** Of the writes from now on, `count` after the first `passed` find no space: half of what one brings is written, and it
   *  fails with ENOSPC, as does making a file. */
  refuseWrites(passed: number, count: number): void
  /** Flips one bit of a file, as a failing medium does. */
  flipBit(path: string, positionBytes: number): void
  /** The bytes of a file as a reader sees them now. */
  peek(path: string): Buffer
}

interface Inode {
  bytes: Buffer
  syncedBytes: number
}
interface Folder {
  now: Map<string, Inode>
  changes: { name: string; before: Inode | undefined }[]
}

const pageBytes = 4096

export function simulatedDisk(): SimulatedDisk {
  const folders = new Map<string, Folder>()
  let locks = new Set<string>()
  let life = 0
  let down = false
  let operationsLeft = Number.POSITIVE_INFINITY
  let capacityBytes = Number.POSITIVE_INFINITY
  let writesPassed = Number.POSITIVE_INFINITY
  let writesRefused = 0

  function alive(startedIn: number): void {
    if (down || startedIn !== life) throw diskError('EIO', 'the simulated disk is down')
  }
  /** Counts one operation that changes something; the one that reaches the limit is not carried out. */
  function change(startedIn: number): void {
    alive(startedIn)
    if (--operationsLeft < 0) down = true
    alive(startedIn)
  }
  function isRefused(): boolean {
    if (writesPassed-- > 0 || writesRefused === 0) return false
    writesRefused--
    return true
  }
  function folderOf(path: string): Folder {
    const folder = folders.get(directoryOf(path))
    if (!folder) throw diskError('ENOENT', `no folder for ${path}`)
    return folder
  }
  function setEntry(path: string, inode: Inode | undefined): void {
    const folder = folderOf(path)
    const name = path.slice(path.lastIndexOf('/') + 1)
    folder.changes.push({ name, before: folder.now.get(name) })
    if (inode) folder.now.set(name, inode)
    else folder.now.delete(name)
  }
  function find(path: string): Inode | undefined {
    return folders.get(directoryOf(path))?.now.get(path.slice(path.lastIndexOf('/') + 1))
  }
  function usedBytes(): number {
    let sum = 0
    for (const folder of folders.values()) for (const inode of folder.now.values()) sum += inode.bytes.length
    return sum
  }

  function fileOf(inode: Inode, startedIn: number): DiskFile {
    return {
      get sizeBytes() {
        return inode.bytes.length
      },
      async append(chunks) {
        change(startedIn)
        const added = Buffer.concat(chunks)
        const room = isRefused() ? added.length >> 1 : Math.max(0, capacityBytes - usedBytes())
        inode.bytes = Buffer.concat([inode.bytes, added.subarray(0, room)])
        if (added.length > room) throw noSpace()
      },
      async read(positionBytes, lengthBytes) {
        alive(startedIn)
        return Buffer.from(inode.bytes.subarray(positionBytes, positionBytes + lengthBytes))
      },
      async sync() {
        change(startedIn)
        inode.syncedBytes = inode.bytes.length
      },
      async truncate(sizeBytes) {
        change(startedIn)
        inode.bytes = inode.bytes.subarray(0, sizeBytes)
        inode.syncedBytes = Math.min(inode.syncedBytes, sizeBytes)
      },
      async close() {},
    }
  }

  return {
    async open(path, mode) {
      alive(life)
      let inode = find(path)
      if (!inode) {
        if (mode === 'read') throw diskError('ENOENT', `${path} is missing`)
        change(life)
        if (isRefused()) throw noSpace()
        inode = { bytes: Buffer.alloc(0), syncedBytes: 0 }
        setEntry(path, inode)
      }
      return fileOf(inode, life)
    },
    async list(directory) {
      alive(life)
      const names = [...(folders.get(directory)?.now.keys() ?? [])]
      for (const path of folders.keys()) {
        if (path !== directory && directoryOf(path) === directory)
          names.push(`${path.slice(path.lastIndexOf('/') + 1)}/`)
      }
      return names.sort()
    },
    async makeDirectory(directory) {
      alive(life)
      for (let path = directory; ; path = directoryOf(path)) {
        if (!folders.has(path)) folders.set(path, { now: new Map(), changes: [] })
        if (path === directoryOf(path)) return
      }
    },
    async rename(from, to) {
      change(life)
      const inode = find(from)
      if (!inode) throw diskError('ENOENT', `${from} is missing`)
      setEntry(to, inode)
      setEntry(from, undefined)
    },
    async remove(path) {
      alive(life)
      for (const folder of [...folders.keys()]) {
        if (folder === path || folder.startsWith(`${path}/`)) folders.delete(folder)
      }
      if (!find(path)) return
      change(life)
      setEntry(path, undefined)
    },
    async syncDirectory(directory) {
      change(life)
      const folder = folders.get(directory)
      if (!folder) throw diskError('ENOENT', `${directory} is missing`)
      folder.changes = []
    },
    async lock(directory) {
      alive(life)
      if (locks.has(directory)) return null
      locks.add(directory)
      const held = locks
      const lock: DiskLock = { release: async () => void held.delete(directory) }
      return lock
    },
    crash() {
      down = true
    },
    crashAfter(operations) {
      operationsLeft = operations
    },
    restart(seed) {
      const random = seededRandom(seed)
      for (const folder of folders.values()) loseEntries(folder, random)
      const inodes = new Set([...folders.values()].flatMap((folder) => [...folder.now.values()]))
      for (const inode of inodes) loseBytes(inode, random)
      locks = new Set()
      life++
      down = false
      writesRefused = 0
      operationsLeft = Number.POSITIVE_INFINITY
    },
    limitBytes(bytes) {
      capacityBytes = bytes
    },
    refuseWrites(passed, count) {
      writesPassed = passed
      writesRefused = count
    },
    flipBit(path, positionBytes) {
      const inode = find(path)
      if (!inode || positionBytes >= inode.bytes.length)
        throw diskError('ENOENT', `${path} has no byte ${positionBytes}`)
      inode.bytes = Buffer.from(inode.bytes)
      inode.bytes[positionBytes] = inode.bytes[positionBytes]! ^ 4
    },
    peek(path) {
      const inode = find(path)
      if (!inode) throw diskError('ENOENT', `${path} is missing`)
      return Buffer.from(inode.bytes)
    },
  }
}

/** Journalled folders lose changes from the newest on. */
function loseEntries(folder: Folder, random: () => number): void {
  const kept = Math.floor(random() * (folder.changes.length + 1))
  for (const { name, before } of folder.changes.slice(kept).reverse()) {
    if (before) folder.now.set(name, before)
    else folder.now.delete(name)
  }
  folder.changes = []
}

function loseBytes(inode: Inode, random: () => number): void {
  const unsynced = inode.bytes.length - inode.syncedBytes
  const size = inode.syncedBytes + Math.floor(random() * (unsynced + 1))
  const bytes = Buffer.from(inode.bytes.subarray(0, size))
  for (let start = inode.syncedBytes; start < size; start += pageBytes) {
    if (random() < 0.3) bytes.fill(0, start, Math.min(size, start + Math.ceil(random() * pageBytes)))
  }
  inode.bytes = bytes
  inode.syncedBytes = size
}

function noSpace(): Error {
  return diskError('ENOSPC', 'no space left on the simulated disk')
}

function diskError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
