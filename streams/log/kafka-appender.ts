// The writing side of the Kafka log: each partition takes one batch at a time, which carries all that waited for it, so that
// order is the order of calls and no partition waits for another. A failed batch fails what was called after it for that
// partition: what is in the log is what was called, without holes. Event ids are checked here against a window per
// partition, which is read back from its end at the first append: exact for one writer per partition; a second writer's
// repeats are dropped by readers only.
import type { Runtime } from '../runtime/runtime.ts'
import { EventWindow } from './event-window.ts'
import { logErrorOf } from './kafka-cluster.ts'
import type { KafkaProducer } from './kafka-producer.ts'
import type { AppendOutcome, LogRecord, NewRecord, Offset, Partition } from './log.ts'
import { framedBytes } from './record-frame.ts'

/** Of one Kafka batch, which the topics allow up to 9 MiB; a larger record goes alone. */
const batchBytesMax = 4 * 1024 * 1024

export interface AppendTarget {
  readonly topic: string
  readonly idempotenceMs: number | null
  partitionFor(record: NewRecord): number
}

export interface AppenderOptions {
  readonly runtime: Runtime
  readonly eventIdsMax: number
  producerOf(topic: string): KafkaProducer
  /** The newest records of a partition, at most so many, oldest first. */
  readTail(topic: string, partition: number, recordsMax: number): Promise<LogRecord[]>
}

/** Records of one call for one partition that fit into one batch, and where their outcomes go. */
interface Part {
  readonly records: NewRecord[]
  readonly indexes: number[]
  readonly outcomes: AppendOutcome[]
  bytes: number
  resolve(): void
  reject(error: Error): void
}

interface Lane {
  readonly topic: string
  readonly partition: number
  readonly idempotenceMs: number | null
  waiting: Part[]
  running: Promise<void> | null
  window: EventWindow | null
}

/** What one batch holds, and whom to tell the offsets. */
interface Batch {
  readonly records: NewRecord[]
  readonly places: { outcomes: AppendOutcome[]; index: number }[]
  bytes: number
  /** Repeats of records of this very batch: which of its records they repeat. */
  readonly repeats: { outcomes: AppendOutcome[]; index: number; of: number }[]
}

export class KafkaAppender {
  private readonly options: AppenderOptions
  private readonly lanes = new Map<string, Lane>()

  constructor(options: AppenderOptions) {
    this.options = options
  }

  /** Rejects with the first failure, once the outcome of every record is as known as it will be. */
  async append(target: AppendTarget, records: readonly NewRecord[]): Promise<AppendOutcome[]> {
    const outcomes = new Array<AppendOutcome>(records.length)
    const parts: Promise<void>[] = []
    const openByLane = new Map<Lane, Part>()
    for (let index = 0; index < records.length; index++) {
      const record = records[index]!
      const lane = this.laneOf(target, target.partitionFor(record))
      const bytes = framedBytes(record)
      let part = openByLane.get(lane)
      if (!part || part.bytes + bytes > batchBytesMax) {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        part = { records: [], indexes: [], outcomes, bytes: 0, resolve, reject }
        openByLane.set(lane, part)
        lane.waiting.push(part)
        parts.push(promise)
      }
      part.records.push(record)
      part.indexes.push(index)
      part.bytes += bytes
    }
    for (const lane of openByLane.keys()) lane.running ??= this.drain(lane)
    for (const settled of await Promise.allSettled(parts)) if (settled.status === 'rejected') throw settled.reason
    return outcomes
  }

  /** Waits for what was accepted. */
  async close(): Promise<void> {
    await Promise.all([...this.lanes.values()].map(({ running }) => running))
  }

  private laneOf({ topic, idempotenceMs }: AppendTarget, partition: number): Lane {
    const key = `${topic}/${partition}`
    let lane = this.lanes.get(key)
    if (!lane) {
      lane = { topic, partition, idempotenceMs, waiting: [], running: null, window: null }
      this.lanes.set(key, lane)
    }
    return lane
  }

  private async drain(lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      let count = 0
      let bytes = 0
      while (count < lane.waiting.length && (count === 0 || bytes + lane.waiting[count]!.bytes <= batchBytesMax)) {
        bytes += lane.waiting[count++]!.bytes
      }
      await this.write(lane, lane.waiting.splice(0, count))
    }
    lane.running = null
  }

  private async write(lane: Lane, parts: readonly Part[]): Promise<void> {
    try {
      await this.writeBatch(lane, parts)
    } catch (error) {
      const failure = logErrorOf(error, lane.topic)
      // Whether the records are there may be unknown: the window is read back before the next append.
      lane.window = null
      if (!failure.retryable && parts.length > 1) {
        // Refused, so not written; what is wrong with one call must not fail the others.
        for (const part of parts) await this.write(lane, [part])
        return
      }
      const behind = failure.retryable ? lane.waiting.splice(0) : []
      for (const part of [...parts, ...behind]) part.reject(failure)
      return
    }
    for (const part of parts) part.resolve()
  }

  private async writeBatch(lane: Lane, parts: readonly Part[]): Promise<void> {
    const { topic, partition: number } = lane
    const partition = number as Partition
    const window = await this.windowOf(lane, parts)
    const batch = planned(parts, partition, window)
    let base = 0
    if (batch.records.length > 0) {
      base = await this.options.producerOf(topic).send(number, batch.records, batch.bytes)
    }
    const nowMs = this.options.runtime.clock.nowMs()
    for (let at = 0; at < batch.records.length; at++) {
      const { outcomes, index } = batch.places[at]!
      outcomes[index] = { status: 'appended', partition, offset: (base + at) as Offset }
      const { eventId } = batch.records[at]!
      if (window && eventId !== undefined) window.add(eventId, base + at, nowMs)
    }
    for (const { outcomes, index, of } of batch.repeats) {
      outcomes[index] = { status: 'duplicate', partition, offset: (base + of) as Offset }
    }
  }

  /** The event ids of the partition, where there is one to look up. */
  private async windowOf(lane: Lane, parts: readonly Part[]): Promise<EventWindow | null> {
    const { topic, partition, idempotenceMs } = lane
    if (idempotenceMs === null) return null
    if (lane.window || !parts.some(({ records }) => records.some(({ eventId }) => eventId !== undefined))) {
      return lane.window
    }
    const { eventIdsMax, runtime } = this.options
    const window = new EventWindow(idempotenceMs, eventIdsMax)
    const nowMs = runtime.clock.nowMs()
    for (const record of await this.options.readTail(topic, partition, eventIdsMax)) {
      if (record.eventId !== undefined) window.add(record.eventId, record.offset, nowMs)
    }
    lane.window = window
    return window
  }
}

/** Decides, record by record, what is new. */
function planned(parts: readonly Part[], partition: Partition, window: EventWindow | null): Batch {
  const batch: Batch = { records: [], places: [], bytes: 0, repeats: [] }
  const indexByEventId = new Map<string, number>()
  for (const { records, indexes, outcomes } of parts) {
    for (let at = 0; at < records.length; at++) {
      const record = records[at]!
      const index = indexes[at]!
      if (window && record.eventId !== undefined) {
        const offset = window.find(record.eventId)
        if (offset >= 0) {
          outcomes[index] = { status: 'duplicate', partition, offset: offset as Offset }
          continue
        }
        const within = indexByEventId.get(record.eventId)
        if (within !== undefined) {
          batch.repeats.push({ outcomes, index, of: within })
          continue
        }
        indexByEventId.set(record.eventId, batch.records.length)
      }
      batch.places.push({ outcomes, index })
      batch.records.push(record)
      batch.bytes += framedBytes(record)
    }
  }
  return batch
}
