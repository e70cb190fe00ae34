// The newest durable batches of a partition in memory, so that readers at its end read no file.
import { type BatchHeader, batchHeaderBytes } from './batch-frame.ts'

export interface RecentBatch {
  readonly header: BatchHeader
  readonly body: Buffer
}

export class RecentBatches {
  private readonly bytesMax: number
  private batches: RecentBatch[] = []
  private first = 0
  private bytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  add(header: BatchHeader, batch: Buffer): void {
    this.batches.push({ header, body: batch.subarray(batchHeaderBytes) })
    this.bytes += batch.length
    while (this.bytes > this.bytesMax && this.first < this.batches.length) {
      this.bytes -= this.batches[this.first++]!.body.length + batchHeaderBytes
    }
    if (this.first > 64 && this.first * 2 > this.batches.length) {
      this.batches = this.batches.slice(this.first)
      this.first = 0
    }
  }

  /** The batch that holds the offset, or null when it is older than what is kept. O(log batches). */
  find(offset: number): RecentBatch | null {
    let low = this.first
    let high = this.batches.length
    if (low === high || offset < this.batches[low]!.header.baseOffset) return null
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.batches[middle]!.header.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return this.batches[low] ?? null
  }

  clear(): void {
    this.batches = []
    this.first = 0
    this.bytes = 0
  }
}
