// Replaces a small file whole: after a crash either the old bytes or the new ones are there, never a mixture.
import { type Disk, directoryOf, isMissing } from './disk.ts'

/** Ending of files being written; what a crash leaves of them may be removed. */
export const temporaryEnding = '.writing'

/** Resolves when the new bytes are durable. Calls for one path must not overlap unless `mark` differs. */
export async function writeAtomically(disk: Disk, path: string, bytes: Uint8Array, mark = ''): Promise<void> {
  const temporary = `${path}${mark}${temporaryEnding}`
  const file = await disk.open(temporary, 'write')
  try {
    if (file.sizeBytes > 0) await file.truncate(0)
    await file.append([bytes])
    await file.sync()
  } catch (error) {
    await file.close()
    await disk.remove(temporary).catch(() => {})
    throw error
  }
  await file.close()
  await disk.rename(temporary, path)
  await disk.syncDirectory(directoryOf(path))
}

/** All bytes of a file, or null when it is missing. */
export async function readWhole(disk: Disk, path: string): Promise<Buffer | null> {
  try {
    const file = await disk.open(path, 'read')
    try {
      return await file.read(0, file.sizeBytes)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}
