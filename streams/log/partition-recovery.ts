// Opens a partition's segments after any end of the process: cuts a torn tail, refuses damage to what was durable, and
// clears away what an interrupted compaction or roll left.
import type { Disk } from '../runtime/disk.ts'
import { FreshetError } from '../runtime/errors.ts'
import { temporaryEnding } from '../runtime/write-atomically.ts'
import { batchMagic, readBatchHeader } from './batch-frame.ts'
import { BatchScanner } from './batch-scanner.ts'
import {
  createSegment,
  indexEnding,
  openSealedSegment,
  Segment,
  type SegmentPlace,
  segmentEnding,
  segmentPath,
} from './segment.ts'
import { SegmentIndex } from './segment-index.ts'

/** A torn tail that was cut at open: bytes that no append was told to be durable. */
export interface Repair {
  readonly topic: string
  readonly partition: number
  readonly file: string
  /** Where the file now ends. */
  readonly position: number
  readonly removedBytes: number
}

export interface RecoveredPartition {
  readonly segments: Segment[]
  readonly repair: Repair | null
}

/** `durableOffset`: the partition is known to have held all records before it; less is damage. */
export async function recoverPartition(
  disk: Disk,
  place: SegmentPlace,
  durableOffset: number,
): Promise<RecoveredPartition> {
  const bases = await segmentBases(disk, place)
  if (bases.length === 0) {
    if (durableOffset > 0) throw missingRecords(place, 0, durableOffset)
    return { segments: [await createSegment(disk, place, 0)], repair: null }
  }
  const segments: Segment[] = []
  for (const base of bases.slice(0, -1)) {
    const segment = await openSealedSegment(disk, place, base)
    const before = segments.at(-1)
    // Compaction puts one segment in place of several and then removes those; a crash between leaves them.
    if (before && base <= before.index.lastOffset) await segment.retire(disk)
    else segments.push(segment)
  }
  const { segment, repair } = await openActive(disk, place, bases.at(-1)!)
  segments.push(segment)
  const latest = segment.index.lastOffset + 1
  if (latest < durableOffset) throw missingRecords(place, latest, durableOffset)
  if (repair) await segment.cut()
  return { segments, repair }
}

async function segmentBases(disk: Disk, place: SegmentPlace): Promise<number[]> {
  const bases: number[] = []
  const names = await disk.list(place.directory)
  for (const name of names) {
    if (name.endsWith(segmentEnding)) bases.push(Number(name.slice(0, -segmentEnding.length)))
    else if (name.endsWith(temporaryEnding)) await disk.remove(`${place.directory}/${name}`)
    else if (name.endsWith(indexEnding)) {
      const segment = `${name.slice(0, -indexEnding.length)}${segmentEnding}`
      if (!names.includes(segment)) await disk.remove(`${place.directory}/${name}`)
    }
  }
  return bases.sort((left, right) => left - right)
}

/** The segment being written reads from the start: only its last write can be torn. */
async function openActive(
  disk: Disk,
  place: SegmentPlace,
  base: number,
): Promise<{ segment: Segment; repair: Repair | null }> {
  const path = segmentPath(place, base)
  const file = await disk.open(path, 'write')
  const segment = new Segment(place, base, file, new SegmentIndex(base))
  const scanner = new BatchScanner(file, 0)
  for (;;) {
    const batch = await scanner.next(file.sizeBytes)
    if (batch === 'end') return { segment, repair: null }
    if (batch === 'bad') break
    if (batch.header.baseOffset <= segment.index.lastOffset) {
      throw segment.corrupt(batch.position, segment.index.lastOffset + 1, 'an offset that was given before')
    }
    segment.index.note(batch.position, batch.header)
    segment.firstAppendedMs = Math.min(segment.firstAppendedMs, batch.header.appendedMs)
  }
  const position = scanner.position
  const rest = await file.read(position, file.sizeBytes - position)
  if (provesDurable(rest, position)) {
    throw segment.corrupt(position, segment.index.lastOffset + 1, 'bytes that were durable are damaged')
  }
  segment.durableBytes = position
  const { topic, partition } = place
  return { segment, repair: { topic, partition, file: path, position, removedBytes: rest.length } }
}

/** Whether a batch further on was written when the byte at `position` was durable already. */
function provesDurable(rest: Buffer, position: number): boolean {
  for (let at = rest.indexOf(batchMagic, 1); at >= 0; at = rest.indexOf(batchMagic, at + 1)) {
    const header = readBatchHeader(rest, at)
    if (header && header.durableBefore > position) return true
  }
  return false
}

function missingRecords(place: SegmentPlace, latest: number, durableOffset: number): FreshetError {
  const { topic, partition, directory } = place
  return new FreshetError(
    'log-corrupt',
    `${topic}/${partition}: records ${latest} to ${durableOffset - 1} were durable and are gone from ${directory}: ` +
      'restore the folder from a copy, or move the partition away and rebuild it from its source',
    { details: { topic, partition, offset: latest, file: directory, position: 0 } },
  )
}
