// Where a run goes on: the trainer's state and how much of the journal belongs to it, under one checksum, written whole.
import { readFile } from 'node:fs/promises'
import { checksum } from '../../../schemas/ids.ts'
import { systemDisk } from '../../../streams/runtime/system-disk.ts'
import { writeAtomically } from '../../../streams/runtime/write-atomically.ts'
import { decodeSections, encodeSections, sectionOf } from '../../../trainers/model/sections.ts'

export interface Checkpoint {
  readonly journalBytes: number
  /** Records stepped. */
  readonly consumed: number
  /** The offset after the last one. */
  readonly next: number
  readonly examples: number
  readonly corrections: number
  readonly poolsTaken: number
  /** Nothing is left to learn. */
  readonly isOver: boolean
  readonly rejected: Readonly<Record<string, number>>
  readonly state: Uint8Array
}

export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { state, ...facts } = checkpoint
  const bytes = encodeSections({ ...facts, checksum: checksum(state) }, new Map([['state', state]]))
  await writeAtomically(systemDisk, path, bytes)
}

/** null where there is none, or one that rotted: the run begins anew. */
export async function readCheckpoint(path: string): Promise<Checkpoint | null> {
  try {
    const sections = decodeSections(await readFile(path))
    const state = sectionOf(sections, 'state')
    if (checksum(state) !== sections.facts.checksum) return null
    return { ...(sections.facts as unknown as Omit<Checkpoint, 'state'>), state }
  } catch (error) {
    if (error instanceof RangeError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
