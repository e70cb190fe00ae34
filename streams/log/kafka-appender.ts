// The writing side of the Kafka log: one send at a time, each carrying all that waited, so that order is the order of
// calls. Event ids are checked here against a window per partition, which is read back from the end of the partition at
// the first append: exact for one writer per partition; a second writer's repeats are dropped by readers only.
import type { Message, Producer } from 'kafkajs'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { EventWindow } from './event-window.ts'
import { logErrorOf } from './kafka-cluster.ts'
import { messageOf } from './kafka-records.ts'
import type { AppendOutcome, LogRecord, NewRecord, Offset, Partition } from './log.ts'
import { framedBytes } from './record-frame.ts'

/** One send to one partition becomes one Kafka batch, which the topics allow up to 9 MiB. */
const sendBytesMax = 4 * 1024 * 1024

export interface AppendTarget {
  readonly topic: string
  readonly idempotenceMs: number | null
  partitionFor(record: NewRecord): number
}

export interface AppenderOptions {
  readonly producer: Producer
  readonly runtime: Runtime
  readonly eventIdsMax: number
  /** The newest records of a partition, at most so many, oldest first. */
  readTail(topic: string, partition: number, recordsMax: number): Promise<LogRecord[]>
}

/** A part of one append call that fits into one send. */
interface Chunk {
  readonly target: AppendTarget
  readonly records: readonly NewRecord[]
  readonly bytes: number
  readonly outcomes: AppendOutcome[]
  resolve(): void
  reject(error: Error): void
}
/** What one send puts into one partition, and whom to tell the offsets. */
interface PartitionSend {
  readonly target: AppendTarget
  readonly partition: number
  readonly records: NewRecord[]
  readonly places: { outcomes: AppendOutcome[]; index: number }[]
  /** Repeats of records of this very send: which of its records they repeat. */
  readonly repeats: { outcomes: AppendOutcome[]; index: number; of: number }[]
  readonly indexByEventId: Map<string, number>
}

export class KafkaAppender {
  private readonly options: AppenderOptions
  private readonly windows = new Map<string, EventWindow>()
  private waiting: Chunk[] = []
  private running: Promise<void> | null = null

  constructor(options: AppenderOptions) {
    this.options = options
  }

  async append(target: AppendTarget, records: readonly NewRecord[]): Promise<AppendOutcome[]> {
    const chunks: Promise<AppendOutcome[]>[] = []
    let start = 0
    let bytes = 0
    for (let index = 0; index < records.length; index++) {
      const size = framedBytes(records[index]!)
      if (index > start && bytes + size > sendBytesMax) {
        chunks.push(this.enqueue(target, records.slice(start, index), bytes))
        start = index
        bytes = 0
      }
      bytes += size
    }
    if (start < records.length) chunks.push(this.enqueue(target, records.slice(start), bytes))
    return (await Promise.all(chunks)).flat()
  }

  /** Waits for what was accepted. */
  async close(): Promise<void> {
    while (this.running) await this.running
  }

  private enqueue(target: AppendTarget, records: readonly NewRecord[], bytes: number): Promise<AppendOutcome[]> {
    const outcomes = new Array<AppendOutcome>(records.length)
    const done = new Promise<AppendOutcome[]>((resolve, reject) => {
      this.waiting.push({ target, records, bytes, outcomes, resolve: () => resolve(outcomes), reject })
    })
    this.running ??= this.sendAll()
    return done
  }

  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) {
      let count = 0
      let bytes = 0
      while (count < this.waiting.length && (count === 0 || bytes + this.waiting[count]!.bytes <= sendBytesMax)) {
        bytes += this.waiting[count++]!.bytes
      }
      await this.sendGroup(this.waiting.splice(0, count))
    }
    this.running = null
  }

  private async sendGroup(group: readonly Chunk[]): Promise<void> {
    const sends = new Map<string, PartitionSend>()
    try {
      for (const chunk of group) await this.plan(chunk, sends)
      await this.send([...sends.values()].filter(({ records }) => records.length > 0))
    } catch (error) {
      // Whether the records are there is unknown: the windows are read back before the next append.
      for (const key of sends.keys()) this.windows.delete(key)
      for (const chunk of group) chunk.reject(logErrorOf(error, chunk.target.topic))
      return
    }
    for (const chunk of group) chunk.resolve()
  }

  /** Decides, record by record, what is new. */
  private async plan({ target, records, outcomes }: Chunk, sends: Map<string, PartitionSend>): Promise<void> {
    for (let index = 0; index < records.length; index++) {
      const record = records[index]!
      const partition = target.partitionFor(record)
      const key = `${target.topic}/${partition}`
      const send: PartitionSend = sends.get(key) ?? {
        target,
        partition,
        records: [],
        places: [],
        repeats: [],
        indexByEventId: new Map(),
      }
      sends.set(key, send)
      if (target.idempotenceMs !== null && record.eventId !== undefined) {
        const window = this.windows.get(key) ?? (await this.readWindow(target, partition, target.idempotenceMs))
        const offset = window.find(record.eventId)
        const within = send.indexByEventId.get(record.eventId)
        if (offset >= 0) {
          outcomes[index] = { status: 'duplicate', partition: partition as Partition, offset: offset as Offset }
          continue
        }
        if (within !== undefined) {
          send.repeats.push({ outcomes, index, of: within })
          continue
        }
        send.indexByEventId.set(record.eventId, send.records.length)
      }
      send.places.push({ outcomes, index })
      send.records.push(record)
    }
  }

  private async send(sends: readonly PartitionSend[]): Promise<void> {
    if (sends.length === 0) return
    const messagesByTopic = new Map<string, Message[]>()
    for (const { target, partition, records } of sends) {
      const messages = messagesByTopic.get(target.topic) ?? []
      messagesByTopic.set(target.topic, messages)
      for (const record of records) messages.push(messageOf(record, partition))
    }
    const topicMessages = [...messagesByTopic].map(([topic, messages]) => ({ topic, messages }))
    const answers = await this.options.producer.sendBatch({ acks: -1, topicMessages })
    const nowMs = this.options.runtime.clock.nowMs()
    for (const { target, partition, records, places, repeats } of sends) {
      const answer = answers.find((one) => one.topicName === target.topic && one.partition === partition)
      if (answer?.baseOffset === undefined)
        throw new FreshetError('log-unavailable', 'Kafka gave no offset: append again')
      const base = Number(answer.baseOffset)
      const window = this.windows.get(`${target.topic}/${partition}`)
      for (let at = 0; at < records.length; at++) {
        const { outcomes, index } = places[at]!
        outcomes[index] = { status: 'appended', partition: partition as Partition, offset: (base + at) as Offset }
        const { eventId } = records[at]!
        if (window && eventId !== undefined) window.add(eventId, base + at, nowMs)
      }
      for (const { outcomes, index, of } of repeats) {
        outcomes[index] = { status: 'duplicate', partition: partition as Partition, offset: (base + of) as Offset }
      }
    }
  }

  private async readWindow(target: AppendTarget, partition: number, idempotenceMs: number): Promise<EventWindow> {
    const { eventIdsMax, runtime } = this.options
    const window = new EventWindow(idempotenceMs, eventIdsMax)
    const nowMs = runtime.clock.nowMs()
    for (const record of await this.options.readTail(target.topic, partition, eventIdsMax)) {
      if (record.eventId !== undefined) window.add(record.eventId, record.offset, nowMs)
    }
    this.windows.set(`${target.topic}/${partition}`, window)
    return window
  }
}
