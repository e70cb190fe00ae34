// A disk that a drill may fill to the last byte: a tmpfs, which takes root to mount. It is made full by making it as small as
// what lies on it, so however much that is, filling takes no time and no memory.
import { execFile, spawnSync } from 'node:child_process'
import { appendFile, mkdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { assert, FreshetError } from '../../streams/runtime/errors.ts'

export interface SmallDisk {
  readonly folder: string
  fill(): Promise<void>
  free(): Promise<void>
  /** Unmounts it; what was on it is gone. */
  remove(): Promise<void>
}

/** Room beyond what is on it, while it is not full. */
const roomBytes = 512 * 1024 * 1024
/** It is written to while it is measured. */
const shrinkAttemptsMax = 50
const run = promisify(execFile)

/** Throws engine-missing where nothing may be mounted. */
export async function smallDisk(folder: string): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true })
  await run('mount', ['-t', 'tmpfs', '-o', `size=${roomBytes}`, 'tmpfs', folder]).catch((cause) => {
    throw new FreshetError('engine-missing', 'a small disk needs the right to mount a tmpfs: run this drill as root', {
      cause,
    })
  })
  const resize = async (freeBytes: number): Promise<void> => {
    const { bsize, blocks, bfree } = await statfs(folder)
    await run('mount', ['-o', `remount,size=${(blocks - bfree) * bsize + freeBytes}`, folder])
  }
  // A drill that is told to end leaves no mount behind.
  const unmount = () => void spawnSync('umount', ['-l', folder])
  process.once('exit', unmount)
  const ballast = join(folder, 'ballast')
  return {
    folder,
    async fill() {
      let attempts = 1
      while (!(await resize(0).then(isDone, isNotDone))) {
        assert(attempts++ < shrinkAttemptsMax, `${folder} can be made as small as what lies on it`)
      }
      for (let chunkBytes = 1 << 16; chunkBytes >= 1; chunkBytes = chunkBytes >> 4) {
        const chunk = Buffer.alloc(chunkBytes)
        // Ever smaller pieces, until not even one byte has room.
        while (await appendFile(ballast, chunk).then(isDone, isFull));
      }
    },
    async free() {
      await rm(ballast, { force: true })
      await resize(roomBytes)
    },
    async remove() {
      process.off('exit', unmount)
      await run('umount', ['-l', folder])
    },
  }
}

const isDone = () => true
const isNotDone = () => false

function isFull(error: NodeJS.ErrnoException): false {
  if (error.code === 'ENOSPC') return false
  throw error
}
