// A reader of one Kafka partition: a bounded buffer that the fetch loop fills and next() empties.

import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { EventWindow } from './event-window.ts'
import type { LogRecord, NextOptions, Offset, Reader } from './log.ts'

const bufferBytesMax = 4 * 1024 * 1024
const eventIdsMax = 100_000
/** How long next() waits, however short its own wait is, for what was there when the reader was opened. */
const presentMsMax = 10_000

export interface KafkaReaderOptions {
  readonly topic: string
  readonly partition: number
  readonly from: number
  /** End of the partition when the reader was opened. */
  readonly end: number
  readonly idempotenceMs: number | null
  readonly runtime: Runtime
  /** Called when there is room in the buffer again. */
  onRoom(reader: KafkaReader): void
  onClose(reader: KafkaReader): void
}

export class KafkaReader implements Reader {
  readonly topic: string
  readonly partition: number
  /** Offset the next fetch asks for. */
  fetchOffset: number
  /** Node id of the broker to ask; null while that is looked up. For the fetcher, as the next three. */
  nodeId: string | null = null
  /** The last fetch returned all there was. */
  caughtUp = false
  /** The fetch that waits for new records waits for those of this reader too. */
  tailing = false
  /** Monotonic time since when fetches fail; null when the last one did not. */
  failingSinceMs: number | null = null
  private readonly options: KafkaReaderOptions
  private readonly seen: EventWindow | null
  private buffered: LogRecord[] = []
  private bufferedBytes = 0
  private taken = 0
  private full = false
  private awaitsPresent = false
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
    return !this.closed && !this.full
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
    this.full = this.bufferedBytes >= bufferBytesMax
    if (!this.isEmpty || (this.awaitsPresent && !this.lacksPresent)) this.wakeUp?.()
  }

  /** There is nothing before this offset that the reader lacks. */
  moveUp(offset: number): void {
    this.fetchOffset = Math.max(this.fetchOffset, offset)
    if (this.awaitsPresent && !this.lacksPresent) this.wakeUp?.()
  }

  /** The next call to next() rejects with this, once. */
  fail(error: FreshetError): void {
    this.failure = error
    this.wakeUp?.()
  }

  async next({ recordsMax, waitMsMax }: NextOptions): Promise<LogRecord[]> {
    if (this.closed) throw this.reason ?? new FreshetError('log-closed', 'the reader is closed: open another')
    if (this.isEmpty && waitMsMax > 0) await this.waitForRecords(waitMsMax)
    // Whoever does not wait wants what is there: the buffer may not have it yet.
    if (waitMsMax === 0) while (this.isEmpty && this.lacksPresent) await this.waitForPresent()
    if (this.isEmpty && this.failure && !this.closed) {
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
    if (this.full && this.bufferedBytes < bufferBytesMax / 2) {
      this.full = false
      this.options.onRoom(this)
    }
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

  private get isEmpty(): boolean {
    return this.buffered.length === this.taken
  }

  private get lacksPresent(): boolean {
    return this.fetchOffset < this.options.end && !this.failure && !this.closed
  }

  private async waitForPresent(): Promise<void> {
    const { topic, partition, runtime } = this.options
    const startMs = runtime.clock.monotonicMs()
    this.awaitsPresent = true
    await this.waitForRecords(presentMsMax)
    this.awaitsPresent = false
    if (!this.isEmpty || !this.lacksPresent || runtime.clock.monotonicMs() - startMs < presentMsMax) return
    throw new FreshetError(
      'log-unavailable',
      `${topic}/${partition} gives no records: look at its brokers, then try again`,
    )
  }

  private async waitForRecords(waitMs: number): Promise<void> {
    const { timers } = this.options.runtime
    let cancel = () => {}
    await new Promise<void>((resolve) => {
      this.wakeUp = resolve
      cancel = timers.after(waitMs, resolve)
    })
    this.wakeUp = null
    cancel()
  }
}

function bytesOf(record: LogRecord): number {
  return 200 + (record.value?.byteLength ?? 0) + (record.key?.length ?? 0) + (record.eventId?.length ?? 0)
}
