// What the embedded log remembers beside its segments: committed offsets of groups, and up to where each partition is
// known to be durable. Written whole and atomically, at most once per interval and at close; the latter number lets open
// tell records that were lost from records that were never acknowledged.
import { crc32 } from 'node:zlib'
import type { Disk } from '../runtime/disk.ts'
import { FreshetError } from '../runtime/errors.ts'
import { readWhole, writeAtomically } from '../runtime/write-atomically.ts'
import type { CommittedOffsets } from './group-coordinator.ts'
import type { Offset, Partition } from './log.ts'

export interface LogCheckpoint {
  readonly committed: Map<string, CommittedOffsets>
  /** topic -> offset after the newest durable record, by partition. */
  readonly durable: Map<string, number[]>
}

interface StoredCheckpoint {
  readonly committed: Record<string, Record<string, [number, number][]>>
  readonly durable: Record<string, number[]>
}

const fileName = 'checkpoint.json'

export async function writeCheckpoint(disk: Disk, directory: string, checkpoint: LogCheckpoint): Promise<void> {
  const committed: StoredCheckpoint['committed'] = {}
  for (const [group, offsets] of checkpoint.committed) {
    committed[group] = Object.fromEntries([...offsets].map(([topic, byPartition]) => [topic, [...byPartition]]))
  }
  const stored: StoredCheckpoint = { committed, durable: Object.fromEntries(checkpoint.durable) }
  const body = JSON.stringify(stored)
  await writeAtomically(disk, `${directory}/${fileName}`, Buffer.from(`${crc32(body)}\n${body}\n`))
}

/** The last written checkpoint; an empty one where there is none. */
export async function readCheckpoint(disk: Disk, directory: string): Promise<LogCheckpoint> {
  const checkpoint: LogCheckpoint = { committed: new Map(), durable: new Map() }
  const path = `${directory}/${fileName}`
  const text = (await readWhole(disk, path))?.toString('utf8')
  if (text === undefined) return checkpoint
  const [crc, body] = text.split('\n')
  if (body === undefined || crc32(body) !== Number(crc)) {
    throw new FreshetError(
      'log-corrupt',
      `${path} is damaged: remove it; groups then start from where their checkpoints say`,
      {
        details: { file: path, position: 0 },
      },
    )
  }
  const stored = JSON.parse(body) as StoredCheckpoint
  for (const [group, topics] of Object.entries(stored.committed)) {
    const offsets: CommittedOffsets = new Map()
    for (const [topic, entries] of Object.entries(topics)) offsets.set(topic, new Map(entries as [Partition, Offset][]))
    checkpoint.committed.set(group, offsets)
  }
  for (const [topic, offsets] of Object.entries(stored.durable)) checkpoint.durable.set(topic, offsets)
  return checkpoint
}
