// A disk with room for what a drill writes itself, that it may fill to the last byte: a tmpfs, which takes root to mount.
import { execFile, spawnSync } from 'node:child_process'
import { appendFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { FreshetError } from '../../streams/runtime/errors.ts'

export interface SmallDisk {
  readonly folder: string
  fill(): Promise<void>
  free(): Promise<void>
  /** Unmounts it; what was on it is gone. */
  remove(): Promise<void>
}

/** Records and blobs of a start and one moment, and of each further one: three times what they were seen to take. */
const firstMiB = 512
const momentMiB = 256
const run = promisify(execFile)

/** Throws engine-missing where nothing may be mounted. */
export async function smallDisk(folder: string, moments: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true })
  const sizeMiB = firstMiB + (moments - 1) * momentMiB
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', folder]).catch((cause) => {
    throw new FreshetError('engine-missing', 'a small disk needs the right to mount a tmpfs: run this drill as root', {
      cause,
    })
  })
  // A drill that is told to end leaves no mount behind.
  const unmount = () => void spawnSync('umount', ['-l', folder])
  process.once('exit', unmount)
  const ballast = join(folder, 'ballast')
  return {
    folder,
    async fill() {
      for (let chunkBytes = 1 << 20; chunkBytes >= 1; chunkBytes = chunkBytes >> 4) {
        const chunk = Buffer.alloc(chunkBytes)
        // Ever smaller pieces, until not even one byte has room.
        while (await appendFile(ballast, chunk).then(isWritten, isFull));
      }
    },
    free: () => rm(ballast, { force: true }),
    async remove() {
      process.off('exit', unmount)
      await run('umount', ['-l', folder])
    },
  }
}

const isWritten = () => true

function isFull(error: NodeJS.ErrnoException): false {
  if (error.code === 'ENOSPC') return false
  throw error
}
