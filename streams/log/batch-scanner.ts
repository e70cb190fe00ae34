// Walks the batches of one segment file from a position, checking every checksum. Bodies it returns are views of buffers
// it never writes again.
import type { DiskFile } from '../runtime/disk.ts'
import { type BatchHeader, batchHeaderBytes, isBodyIntact, readBatchHeader } from './batch-frame.ts'

export interface ScannedBatch {
  readonly position: number
  readonly header: BatchHeader
  readonly body: Buffer
}

const firstChunkBytes = 64 * 1024
const chunkBytesMax = 1024 * 1024

export class BatchScanner {
  /** Where the next batch starts. */
  position: number
  private readonly file: DiskFile
  private chunk: Buffer = Buffer.alloc(0)
  private chunkPosition = 0
  private chunkBytes = firstChunkBytes

  constructor(file: DiskFile, position: number) {
    this.file = file
    this.position = position
  }

  /** The next batch, `end` at `limitBytes`, or `bad` where the bytes up to there are no intact batch. */
  async next(limitBytes: number): Promise<ScannedBatch | 'end' | 'bad'> {
    const position = this.position
    if (position === limitBytes) return 'end'
    if (position + batchHeaderBytes > limitBytes) return 'bad'
    if (!(await this.hold(batchHeaderBytes, limitBytes))) return 'bad'
    const header = readBatchHeader(this.chunk, position - this.chunkPosition)
    if (!header) return 'bad'
    const size = batchHeaderBytes + header.bodyBytes
    if (position + size > limitBytes || !(await this.hold(size, limitBytes))) return 'bad'
    const at = position - this.chunkPosition
    if (!isBodyIntact(this.chunk, at, header)) return 'bad'
    this.position = position + size
    return { position, header, body: this.chunk.subarray(at + batchHeaderBytes, at + size) }
  }

  /** Makes the chunk cover `bytes` from the position on; false where the file ends before. */
  private async hold(bytes: number, limitBytes: number): Promise<boolean> {
    const position = this.position
    if (position >= this.chunkPosition && position + bytes <= this.chunkPosition + this.chunk.length) return true
    const length = Math.min(Math.max(this.chunkBytes, bytes), limitBytes - position)
    this.chunk = await this.file.read(position, length)
    this.chunkPosition = position
    this.chunkBytes = Math.min(chunkBytesMax, this.chunkBytes * 4)
    return this.chunk.length >= bytes
  }
}
