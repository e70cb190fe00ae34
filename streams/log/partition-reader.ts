// Reads a partition from any offset: its end from memory, the rest from segments in large steps, across rolls, retention
// and compaction, which may move the position forward but never repeat or reorder.

import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { BatchHeader } from './batch-frame.ts'
import type { BatchScanner } from './batch-scanner.ts'
import type { LogRecord, NextOptions, Offset, Reader } from './log.ts'
import type { PartitionLog } from './partition-log.ts'
import { offsetDeltaAt, readRecord, recordBytesAt, timestampMsAt } from './record-frame.ts'
import type { Segment } from './segment.ts'

export class PartitionReader implements Reader {
  private readonly log: PartitionLog
  private readonly runtime: Runtime
  private readonly readBytesMax: number
  private readonly onClose: (reader: PartitionReader) => void
  private offset: number
  private closed = false
  private closedBy: FreshetError | null = null
  private wakeUp: (() => void) | null = null
  private running: Promise<unknown> | null = null
  /** The batch being handed out, and how far it is. */
  private header: BatchHeader | null = null
  private body: Buffer = Buffer.alloc(0)
  private bodyAt = 0
  private recordsLeft = 0
  /** Where the files are being read; null while the end is read from memory. */
  private segment: Segment | null = null
  private scanner: BatchScanner | null = null

  constructor(
    log: PartitionLog,
    from: number,
    runtime: Runtime,
    readBytesMax: number,
    onClose: (reader: PartitionReader) => void = () => {},
  ) {
    this.log = log
    this.offset = Math.max(from, log.earliest)
    this.runtime = runtime
    this.readBytesMax = readBytesMax
    this.onClose = onClose
  }

  get position(): Offset {
    return this.offset as Offset
  }

  next(options: NextOptions): Promise<LogRecord[]> {
    if (this.running) throw new Error('assertion failed: one next() of a reader at a time')
    if (this.closed) {
      const error = this.closedBy ?? new FreshetError('log-closed', 'the reader is closed: open another')
      return Promise.reject(error)
    }
    const result = this.read(options)
    this.running = result
    const done = () => {
      this.running = null
    }
    result.then(done, done)
    return result
  }

  async close(): Promise<void> {
    this.stop(null)
    await this.running?.catch(() => {})
  }

  /** Closes without waiting; a waiting next() returns nothing, later ones reject with `reason`. */
  stop(reason: FreshetError | null): void {
    if (this.closed) return
    this.closed = true
    this.closedBy = reason
    this.wakeUp?.()
    this.onClose(this)
  }

  private async read({ recordsMax, waitMsMax }: NextOptions): Promise<LogRecord[]> {
    const deadlineMs = this.runtime.clock.monotonicMs() + waitMsMax
    for (;;) {
      const records: LogRecord[] = []
      let room = this.readBytesMax
      while (records.length < recordsMax && room > 0 && !this.closed) {
        if (!this.header && !(await this.openBatch())) break
        room -= this.takeInto(records, recordsMax, room)
      }
      if (records.length > 0 || this.closed) return records
      const leftMs = deadlineMs - this.runtime.clock.monotonicMs()
      if (leftMs <= 0) return records
      await this.waitForRecords(leftMs)
      if (this.closed) return records
    }
  }

  /** Moves records of the open batch over; returns their bytes. */
  private takeInto(records: LogRecord[], recordsMax: number, room: number): number {
    const { log, body } = this
    const base = this.header!.baseOffset
    const start = this.bodyAt
    while (this.recordsLeft > 0 && records.length < recordsMax && this.bodyAt - start < room) {
      records.push(readRecord(body, this.bodyAt, log.topic, log.partition, base))
      this.bodyAt += recordBytesAt(body, this.bodyAt)
      this.recordsLeft--
    }
    const last = records.at(-1)
    if (last) this.offset = last.offset + 1
    if (this.recordsLeft === 0) {
      this.offset = this.header!.lastOffset + 1
      this.header = null
    }
    return this.bodyAt - start
  }

  /** Opens the batch that holds the next offset; false when there is none yet. */
  private async openBatch(): Promise<boolean> {
    while (!this.closed) {
      this.offset = Math.max(this.offset, this.log.earliest)
      if (this.offset >= this.log.latest) return false
      const recent = this.log.recent.find(this.offset)
      if (recent) {
        this.scanner = null
        this.enter(recent.header, recent.body)
        return true
      }
      if (await this.scanOne()) return true
    }
    return false
  }

  /** Takes one step through the files; true when it found the batch. */
  private async scanOne(): Promise<boolean> {
    if (!this.scanner || !this.segment || this.segment.retired) {
      this.segment = segmentOf(this.log.segments, this.offset)
      this.scanner = this.segment.scannerBefore(this.offset)
    }
    const { segment, scanner } = this
    let batch: Awaited<ReturnType<BatchScanner['next']>>
    try {
      batch = await scanner.next(segment.durableBytes)
    } catch (error) {
      if (!segment.retired) throw error
      return false
    }
    if (segment.retired) return false
    if (batch === 'bad') {
      this.scanner = null
      throw segment.corrupt(scanner.position, this.offset, 'no intact batch')
    }
    if (batch === 'end') {
      const following = this.log.segments[this.log.segments.indexOf(segment) + 1]
      // `latest` is announced after the bytes are there, so the last segment holds every offset before it.
      if (!following) throw segment.corrupt(scanner.position, this.offset, 'a record is missing')
      this.offset = Math.max(this.offset, following.baseOffset)
      this.scanner = null
      return false
    }
    if (batch.header.lastOffset < this.offset) return false
    this.enter(batch.header, batch.body)
    return true
  }

  private enter(header: BatchHeader, body: Buffer): void {
    this.header = header
    this.body = body
    this.bodyAt = 0
    this.recordsLeft = header.recordCount
    while (this.recordsLeft > 0 && header.baseOffset + offsetDeltaAt(body, this.bodyAt) < this.offset) {
      this.bodyAt += recordBytesAt(body, this.bodyAt)
      this.recordsLeft--
    }
  }

  private async waitForRecords(waitMs: number): Promise<void> {
    if (this.offset < this.log.latest) return
    let settle = () => {}
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve
      const forget = this.log.onRecords(resolve)
      const cancel = this.runtime.timers.after(waitMs, resolve)
      settle = () => {
        forget()
        cancel()
      }
    })
    this.wakeUp = null
    settle()
  }
}

function segmentOf(segments: readonly Segment[], offset: number): Segment {
  let found = segments[0]!
  for (const segment of segments) {
    if (segment.baseOffset > offset) break
    found = segment
  }
  return found
}

/** Offset of the first record at or after the time, or `latest`. Reads the index and at most one block. */
export async function offsetAtTime(log: PartitionLog, timestampMs: number): Promise<number> {
  for (const segment of [...log.segments]) {
    if (segment.retired || segment.index.timestampMsMax < timestampMs) continue
    const start = segment.index.positionAtTime(timestampMs)
    if (start === null) continue
    const scanner = segment.scannerBefore(segment.baseOffset)
    scanner.position = start
    for (;;) {
      const batch = await scanner.next(segment.durableBytes)
      if (batch === 'bad') throw segment.corrupt(scanner.position, segment.baseOffset, 'no intact batch')
      if (batch === 'end') break
      let at = 0
      for (let index = 0; index < batch.header.recordCount; index++) {
        if (timestampMsAt(batch.body, at) >= timestampMs) return batch.header.baseOffset + offsetDeltaAt(batch.body, at)
        at += recordBytesAt(batch.body, at)
      }
    }
  }
  return log.latest
}
