// Sparse index of one segment: for each block of at least 16 KiB of batches, where it starts, its first offset and its
// newest record time. Written beside a segment when that is closed, so that opening does not read old segments.
import { crc32 } from 'node:zlib'
import type { BatchHeader } from './batch-frame.ts'

const blockBytes = 16 * 1024
const headNumbers = 5

export class SegmentIndex {
  recordCount = 0
  /** Offset of the newest record, or one before the base while there is none. */
  lastOffset: number
  appendedMsNewest = Number.NEGATIVE_INFINITY
  timestampMsMax = Number.NEGATIVE_INFINITY
  private readonly positions: number[] = []
  private readonly offsets: number[] = []
  private readonly timesMs: number[] = []

  constructor(baseOffset: number) {
    this.lastOffset = baseOffset - 1
  }

  note(position: number, header: BatchHeader): void {
    const last = this.positions.length - 1
    if (last < 0 || position - this.positions[last]! >= blockBytes) {
      this.positions.push(position)
      this.offsets.push(header.baseOffset)
      this.timesMs.push(header.timestampMsMax)
    } else if (header.timestampMsMax > this.timesMs[last]!) {
      this.timesMs[last] = header.timestampMsMax
    }
    this.recordCount += header.recordCount
    this.lastOffset = header.lastOffset
    if (header.appendedMs > this.appendedMsNewest) this.appendedMsNewest = header.appendedMs
    if (header.timestampMsMax > this.timestampMsMax) this.timestampMsMax = header.timestampMsMax
  }

  /** Where to start scanning for an offset: the last block that starts at or before it. O(log blocks). */
  positionBefore(offset: number): number {
    let low = 0
    let high = this.offsets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.offsets[middle]! <= offset) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : this.positions[low - 1]!
  }

  /** Where the first block with a record at or after the time starts, or null. O(blocks). */
  positionAtTime(timestampMs: number): number | null {
    const block = this.timesMs.findIndex((timeMs) => timeMs >= timestampMs)
    return block < 0 ? null : this.positions[block]!
  }

  /** Little-endian f64 numbers and a CRC-32: counts and newest values, the size of the segment, then the blocks. */
  encode(segmentBytes: number): Uint8Array {
    const numbers = new Float64Array(headNumbers + 3 * this.positions.length)
    numbers.set([segmentBytes, this.recordCount, this.lastOffset, this.appendedMsNewest, this.timestampMsMax])
    for (let block = 0; block < this.positions.length; block++) {
      const entry = [this.positions[block]!, this.offsets[block]!, this.timesMs[block]!]
      numbers.set(entry, headNumbers + 3 * block)
    }
    const out = Buffer.alloc(numbers.byteLength + 4)
    out.set(new Uint8Array(numbers.buffer), 0)
    out.writeUInt32LE(crc32(out.subarray(0, numbers.byteLength)), numbers.byteLength)
    return out
  }

  /** The index of a segment of this size, or null when the bytes are not that. */
  static decode(bytes: Buffer, baseOffset: number, segmentBytes: number): SegmentIndex | null {
    const end = bytes.length - 4
    if (end < headNumbers * 8 || (end - headNumbers * 8) % 24 !== 0) return null
    if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) return null
    if (bytes.readDoubleLE(0) !== segmentBytes) return null
    const index = new SegmentIndex(baseOffset)
    index.recordCount = bytes.readDoubleLE(8)
    index.lastOffset = bytes.readDoubleLE(16)
    index.appendedMsNewest = bytes.readDoubleLE(24)
    index.timestampMsMax = bytes.readDoubleLE(32)
    for (let at = headNumbers * 8; at < end; at += 24) {
      index.positions.push(bytes.readDoubleLE(at))
      index.offsets.push(bytes.readDoubleLE(at + 8))
      index.timesMs.push(bytes.readDoubleLE(at + 16))
    }
    return index
  }
}
