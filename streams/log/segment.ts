// One segment of a partition: a file of batches in offset order, named by the first offset it may hold, and its index.

import type { Disk, DiskFile } from '../runtime/disk.ts'
import { FreshetError } from '../runtime/errors.ts'
import { readWhole, writeAtomically } from '../runtime/write-atomically.ts'
import { type BatchHeader, sealBatch } from './batch-frame.ts'
import { BatchScanner } from './batch-scanner.ts'
import { SegmentIndex } from './segment-index.ts'

export const segmentEnding = '.segment'
export const indexEnding = '.index'

/** Where a segment stands, for messages. */
export interface SegmentPlace {
  readonly topic: string
  readonly partition: number
  readonly directory: string
}

export class Segment {
  readonly baseOffset: number
  readonly file: DiskFile
  readonly path: string
  readonly index: SegmentIndex
  /** Bytes that are synced; readers see no more. */
  durableBytes: number
  /** When the first batch was appended; infinity while it is empty. */
  firstAppendedMs = Number.POSITIVE_INFINITY
  /** True once it was removed or replaced: whoever holds it looks its offset up again. */
  retired = false
  private readonly place: SegmentPlace

  constructor(place: SegmentPlace, baseOffset: number, file: DiskFile, index: SegmentIndex) {
    this.place = place
    this.baseOffset = baseOffset
    this.path = segmentPath(place, baseOffset)
    this.file = file
    this.index = index
    this.durableBytes = file.sizeBytes
  }

  /** Writes sealed batches and makes them durable. On rejection nothing of them counts; cut() before the next. */
  async append(batches: readonly Buffer[], headers: readonly BatchHeader[]): Promise<void> {
    const start = this.durableBytes
    for (const batch of batches) sealBatch(batch, start)
    await this.file.append(batches)
    await this.file.sync()
    let position = start
    for (let batchIndex = 0; batchIndex < batches.length; batchIndex++) {
      const header = headers[batchIndex]!
      this.index.note(position, header)
      this.firstAppendedMs = Math.min(this.firstAppendedMs, header.appendedMs)
      position += batches[batchIndex]!.length
    }
    this.durableBytes = position
  }

  /** Removes what a failed append may have left. */
  async cut(): Promise<void> {
    await this.file.truncate(this.durableBytes)
    await this.file.sync()
  }

  writeIndex(disk: Disk): Promise<void> {
    return writeAtomically(disk, indexPath(this.path), this.index.encode(this.durableBytes))
  }

  /** A scanner at the last indexed place before an offset. */
  scannerBefore(offset: number): BatchScanner {
    return new BatchScanner(this.file, this.index.positionBefore(offset))
  }

  corrupt(position: number, expectedOffset: number, cause: string): FreshetError {
    const { topic, partition } = this.place
    return new FreshetError(
      'log-corrupt',
      `${topic}/${partition}: ${cause} at byte ${position} of ${this.path}, near offset ${expectedOffset}: restore the ` +
        'file from a copy, or move the partition away and rebuild it from its source',
      { details: { topic, partition, offset: expectedOffset, file: this.path, position } },
    )
  }

  /** Removes the files. Readers that still hold the segment keep reading what they opened until close. */
  async retire(disk: Disk): Promise<void> {
    this.retired = true
    await disk.remove(indexPath(this.path))
    await disk.remove(this.path)
    await this.file.close()
  }
}

export function segmentPath(place: SegmentPlace, baseOffset: number): string {
  return `${place.directory}/${String(baseOffset).padStart(20, '0')}${segmentEnding}`
}

export function indexPath(path: string): string {
  return `${path.slice(0, -segmentEnding.length)}${indexEnding}`
}

/** Creates the empty segment that starts at an offset. */
export async function createSegment(disk: Disk, place: SegmentPlace, baseOffset: number): Promise<Segment> {
  const file = await disk.open(segmentPath(place, baseOffset), 'write')
  if (file.sizeBytes > 0) await file.truncate(0)
  await disk.syncDirectory(place.directory)
  return new Segment(place, baseOffset, file, new SegmentIndex(baseOffset))
}

/** Opens a closed segment by its index; without a usable one every batch is read and checked, and the index is written. */
export async function openSealedSegment(disk: Disk, place: SegmentPlace, baseOffset: number): Promise<Segment> {
  const path = segmentPath(place, baseOffset)
  const file = await disk.open(path, 'read')
  const bytes = await readWhole(disk, indexPath(path))
  const known = bytes && SegmentIndex.decode(bytes, baseOffset, file.sizeBytes)
  if (known) return new Segment(place, baseOffset, file, known)
  const segment = new Segment(place, baseOffset, file, new SegmentIndex(baseOffset))
  const scanner = new BatchScanner(file, 0)
  for (;;) {
    const batch = await scanner.next(file.sizeBytes)
    if (batch === 'end') break
    if (batch === 'bad') throw segment.corrupt(scanner.position, segment.index.lastOffset + 1, 'no intact batch')
    segment.index.note(batch.position, batch.header)
  }
  await segment.writeIndex(disk)
  return segment
}
