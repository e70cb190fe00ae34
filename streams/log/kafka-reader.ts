// A reader of one Kafka partition: a bounded buffer that the fetch loop fills and next() empties.

import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { EventWindow } from './event-window.ts'
import type { LogRecord, NextOptions, Offset, Reader } from './log.ts'

const bufferBytesMax = 4 * 1024 * 1024
const eventIdsMax = 100_000

export interface KafkaReaderOptions {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly idempotenceMs: number | null
  readonly runtime: Runtime
  /** Called when there is room in the buffer again. */
  onRoom(): void
  onClose(reader: KafkaReader): void
}

export class KafkaReader implements Reader {
  readonly topic: string
  readonly partition: number
  /** Offset the next fetch asks for. */
  fetchOffset: number
  private readonly options: KafkaReaderOptions
  private readonly seen: EventWindow | null
  private buffered: LogRecord[] = []
  private bufferedBytes = 0
  private taken = 0
  private wakeUp: (() => void) | null = null
  private closed = false
  private reason: FreshetError | null = null
  private failure: FreshetError | null = null
  private offset: number

  constructor(options: KafkaReaderOptions) {
    this.options = options
    this.topic = options.topic
    this.partition = options.partition
    this.fetchOffset = options.from
    this.offset = options.from
    this.seen = options.idempotenceMs === null ? null : new EventWindow(options.idempotenceMs, eventIdsMax)
  }

  get position(): Offset {
    return this.offset as Offset
  }

  get wantsMore(): boolean {
    return !this.closed && this.bufferedBytes < bufferBytesMax
  }

  /** Takes what a fetch returned; records of a batch before the offset asked for, and repeats, are dropped. */
  receive(records: readonly LogRecord[]): void {
    const nowMs = this.options.runtime.clock.nowMs()
    for (const record of records) {
      if (record.offset < this.fetchOffset) continue
      this.fetchOffset = record.offset + 1
      if (this.seen && record.eventId !== undefined) {
        if (this.seen.find(record.eventId) >= 0) continue
        this.seen.add(record.eventId, record.offset, nowMs)
      }
      this.buffered.push(record)
      this.bufferedBytes += bytesOf(record)
    }
    if (this.buffered.length > this.taken) this.wakeUp?.()
  }

  /** The log no longer holds the position: it moves up to what it holds. */
  moveUp(earliest: number): void {
    this.fetchOffset = Math.max(this.fetchOffset, earliest)
  }

  /** The next call to next() rejects with this, once. */
  fail(error: FreshetError): void {
    this.failure = error
    this.wakeUp?.()
  }

  async next({ recordsMax, waitMsMax }: NextOptions): Promise<LogRecord[]> {
    if (this.closed) throw this.reason ?? new FreshetError('log-closed', 'the reader is closed: open another')
    if (this.buffered.length === this.taken && waitMsMax > 0) await this.waitForRecords(waitMsMax)
    if (this.buffered.length === this.taken && this.failure && !this.closed) {
      const failure = this.failure
      this.failure = null
      throw failure
    }
    if (this.closed) return []
    const records = this.buffered.slice(this.taken, this.taken + recordsMax)
    this.taken += records.length
    for (const record of records) this.bufferedBytes -= bytesOf(record)
    if (this.taken === this.buffered.length) {
      this.buffered = []
      this.taken = 0
    }
    const last = records.at(-1)
    if (last) this.offset = last.offset + 1
    if (this.bufferedBytes < bufferBytesMax / 2) this.options.onRoom()
    return records
  }

  async close(): Promise<void> {
    this.stop(null)
  }

  /** Ends a waiting next() with nothing; later ones reject with the reason. */
  stop(reason: FreshetError | null): void {
    if (this.closed) return
    this.closed = true
    this.reason = reason
    this.wakeUp?.()
    this.options.onClose(this)
  }

  private async waitForRecords(waitMs: number): Promise<void> {
    const cancel = new AbortController()
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve
      this.options.runtime.timers.sleep(waitMs, cancel.signal).then(resolve, () => {})
    })
    this.wakeUp = null
    cancel.abort()
  }
}

function bytesOf(record: LogRecord): number {
  return 100 + (record.value?.byteLength ?? 0)
}
