// The real file system behind the Disk port.
import { readFileSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleepFor } from 'node:timers/promises'
import { type Disk, type DiskFile, type DiskLock, isMissing } from './disk.ts'

export const systemDisk: Disk = {
  async open(path, mode) {
    if (mode === 'read') return openedFile(await fs.open(path, 'r'))
    // O_CREAT without O_TRUNC: the bytes that are there stay.
    const flags = fs.constants.O_RDWR | fs.constants.O_CREAT
    return openedFile(await fs.open(path, flags, 0o644))
  },
  async list(directory) {
    try {
      const entries = await fs.readdir(directory, { withFileTypes: true })
      return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  },
  async makeDirectory(directory) {
    const first = await fs.mkdir(directory, { recursive: true })
    if (first === undefined) return
    // Each new folder is an entry of the one above it: sync from the deepest new one up to the first old one.
    for (let path = directory; ; path = dirname(path)) {
      await syncDirectory(dirname(path))
      if (path === first || path === dirname(path)) return
    }
  },
  rename: (from, to) => fs.rename(from, to),
  remove: (path) => fs.rm(path, { force: true, recursive: true }),
  syncDirectory,
  lock,
}

async function openedFile(handle: fs.FileHandle): Promise<DiskFile> {
  let sizeBytes = (await handle.stat()).size
  return {
    get sizeBytes() {
      return sizeBytes
    },
    async append(chunks) {
      let left: Uint8Array[] = [...chunks]
      while (left.length > 0) {
        // IOV_MAX is 1,024 on Linux.
        const { bytesWritten } = await handle.writev(left.slice(0, 1024), sizeBytes)
        sizeBytes += bytesWritten
        left = afterWritten(left, bytesWritten)
      }
    },
    async read(positionBytes, lengthBytes) {
      const buffer = Buffer.allocUnsafeSlow(lengthBytes)
      let filled = 0
      while (filled < lengthBytes) {
        const { bytesRead } = await handle.read(buffer, filled, lengthBytes - filled, positionBytes + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return filled === lengthBytes ? buffer : buffer.subarray(0, filled)
    },
    sync: () => handle.datasync(),
    async truncate(size) {
      await handle.truncate(size)
      sizeBytes = size
    },
    close: () => handle.close(),
  }
}

function afterWritten(chunks: Uint8Array[], writtenBytes: number): Uint8Array[] {
  let index = 0
  let left = writtenBytes
  while (index < chunks.length && left >= chunks[index]!.byteLength) left -= chunks[index++]!.byteLength
  const rest = chunks.slice(index)
  if (left > 0) rest[0] = rest[0]!.subarray(left)
  return rest
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const claimPrefix = 'owner-'
let claimCount = 0

/**
 * Lock without flock, by the flag principle: an owner first raises its own claim file, then looks at the others'. Of two
 * that overlap at least one sees the other, so both never hold the folder; both may see each other, then each lowers its
 * claim, waits a random moment and tries again. A claim names its process and when that process started, so a dead
 * owner's claim is known as dead even after its pid is used again. Processes must see the same pid namespace.
 */
async function lock(directory: string): Promise<DiskLock | null> {
  for (let attempt = 0; attempt < 4; attempt++) {
    const name = `${claimPrefix}${process.pid}-${startOf(process.pid) ?? 0}-${claimCount++}`
    const path = join(directory, name)
    await (await fs.open(path, 'wx')).close()
    const others = (await fs.readdir(directory)).filter((entry) => entry.startsWith(claimPrefix) && entry !== name)
    const living = others.filter(isLiving)
    if (living.length === 0) {
      for (const dead of others) await fs.rm(join(directory, dead), { force: true })
      return { release: () => fs.rm(path, { force: true }) }
    }
    await fs.rm(path, { force: true })
    await sleepFor(5 + Math.random() * 40)
  }
  return null
}

function isLiving(claim: string): boolean {
  const [pid, start] = claim.slice(claimPrefix.length).split('-').map(Number)
  if (!pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const startNow = startOf(pid)
  return startNow === null || !start || startNow === start
}

/** When a process started, in clock ticks since boot (field 22 of /proc/pid/stat); null where there is no /proc. */
function startOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(afterName[19]) || null
  } catch {
    return null
  }
}
