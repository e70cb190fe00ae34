// The log on Kafka, for more than one process. The same port as the embedded log, with what Kafka makes different: event
// ids are exact for one writer per partition; retention goes by the records' own times; offsets outlive the process.
import type { Kafka } from 'kafkajs'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { KafkaAppender } from './kafka-appender.ts'
import { kafkaClient } from './kafka-client.ts'
import { clusterOf, type KafkaCluster, logErrorOf, whileBrokersMove } from './kafka-cluster.ts'
import { KafkaFetcher } from './kafka-fetcher.ts'
import { KafkaMember } from './kafka-member.ts'
import { KafkaOffsets } from './kafka-offsets.ts'
import { KafkaProducer } from './kafka-producer.ts'
import type { KafkaReader } from './kafka-reader.ts'
import { KafkaTopics } from './kafka-topics.ts'
import type { GroupOptions, Log, LogRecord, NewRecord, Offset, Partition, ReadPosition, TopicPartition } from './log.ts'
import { partitionForKey } from './murmur2.ts'
import { eventIdBytesMax, framedBytes, keyBytesMax } from './record-frame.ts'

export interface KafkaLogLimits {
  /** Bytes accepted and not acknowledged; more is refused as overloaded. */
  readonly inFlightBytesMax: number
  readonly recordBytesMax: number
  /** Event ids remembered per partition, and records read back for them at the first append. */
  readonly eventIdsMax: number
  /** How long an append is tried while brokers are away; then it rejects, and may or may not have been written. */
  readonly deliveryMsMax: number
}
export interface KafkaLogOptions extends Partial<KafkaLogLimits> {
  readonly brokers: readonly string[]
  readonly runtime: Runtime
  readonly clientId?: string
  readonly replicationFactor?: number
  /** A group gives the partitions of a member away that it has not heard of for so long; 10 s by default. The broker's
   *  group.min.session.timeout.ms is the least. */
  readonly sessionTimeoutMs?: number
}

const defaultLimits: KafkaLogLimits = {
  inFlightBytesMax: 64 * 1024 * 1024,
  recordBytesMax: 8 * 1024 * 1024,
  eventIdsMax: 200_000,
  deliveryMsMax: 30_000,
}
const sessionTimeoutMsDefault = 10_000
/** Longer than a broker waits for its replicas. */
const requestMsMax = 5_000

/** Connects. Throws log-unavailable when no broker answers. */
export async function kafkaLog(options: KafkaLogOptions): Promise<Log> {
  const log = new KafkaLog(options)
  try {
    await log.connect()
  } catch (error) {
    await log.close()
    throw logErrorOf(error)
  }
  return log
}

function clientOf({ brokers, clientId = 'freshet' }: KafkaLogOptions, requestMsMax: number): Kafka {
  return kafkaClient({ brokers, clientId, requestMsMax })
}

class KafkaLog implements Log {
  private readonly kafka: Kafka
  private readonly options: KafkaLogOptions & KafkaLogLimits
  private readonly admin
  /** For offsets and commits. */
  private readonly cluster: KafkaCluster
  private readonly producers = new Map<string, KafkaProducer>()
  private readonly offsets: KafkaOffsets
  private readonly fetcher: KafkaFetcher
  private readonly topicsOf: KafkaTopics
  private readonly appender: KafkaAppender
  private readonly members = new Set<KafkaMember>()
  private inFlightBytes = 0
  private closing: Promise<void> | null = null

  constructor(options: KafkaLogOptions) {
    const { runtime, replicationFactor = 1 } = options
    this.options = { ...defaultLimits, ...options }
    this.kafka = clientOf(options, requestMsMax)
    this.admin = this.kafka.admin()
    this.cluster = clusterOf(this.kafka)
    const offsets = new KafkaOffsets(this.cluster, runtime)
    this.offsets = offsets
    const { kafka, admin } = this
    const bounds = (topic: string, partition: number) => offsets.bounds(topic, partition)
    this.fetcher = new KafkaFetcher({ kafka, runtime, bounds })
    const producerOf = (topic: string) => this.producerOf(topic)
    this.topicsOf = new KafkaTopics({
      admin,
      runtime,
      replicationFactor,
      write: (topic, partition, record) => producerOf(topic).send(partition, [record], framedBytes(record)),
      readAll: (topic, partition) => this.readRange(topic, partition, 0),
    })
    this.appender = new KafkaAppender({
      runtime,
      producerOf,
      eventIdsMax: this.options.eventIdsMax,
      readTail: async (topic, partition, recordsMax) => {
        const { latest } = await bounds(topic, partition)
        return this.readRange(topic, partition, latest - recordsMax)
      },
    })
  }

  async connect(): Promise<void> {
    const connecting = [this.admin.connect(), this.cluster.connect(), this.fetcher.connect()]
    // All of them end before the first failure is told: none may fail later with nobody listening.
    for (const result of await Promise.allSettled(connecting)) if (result.status === 'rejected') throw result.reason
  }

  ensureTopic: Log['ensureTopic'] = (spec) => this.guarded(spec.name, () => this.topicsOf.ensure(spec))

  topics: Log['topics'] = () => this.guarded(undefined, () => this.topicsOf.all())

  append: Log['append'] = (topic, records) =>
    this.guarded(topic, async () => {
      const { name, partitions, idempotenceMs } = await this.topicsOf.of(topic)
      const bytes = this.checkRecords(topic, partitions, records)
      this.inFlightBytes += bytes
      const partitionFor = (record: NewRecord) => record.partition ?? partitionForKey(record.key, partitions)
      try {
        return await this.appender.append({ topic: name, idempotenceMs, partitionFor }, records)
      } finally {
        this.inFlightBytes -= bytes
      }
    })

  bounds: Log['bounds'] = (position) =>
    this.guarded(position.topic, async () => {
      await this.checkPosition(position)
      const { earliest, latest } = await this.offsets.bounds(position.topic, position.partition)
      return { earliest: earliest as Offset, latest: latest as Offset }
    })

  offsetAt: Log['offsetAt'] = (position, timestampMs) =>
    this.guarded(position.topic, async () => {
      await this.checkPosition(position)
      return (await this.offsets.at(position.topic, position.partition, timestampMs)) as Offset
    })

  openReader: Log['openReader'] = (position) => this.guarded(position.topic, () => this.readerAt(position, () => {}))

  joinGroup: Log['joinGroup'] = (group: GroupOptions) =>
    this.guarded(undefined, async () => {
      const partitionsByTopic = new Map<string, number>()
      for (const topic of group.topics) partitionsByTopic.set(topic, (await this.topicsOf.of(topic)).partitions)
      const { runtime, sessionTimeoutMs = sessionTimeoutMsDefault } = this.options
      const member = new KafkaMember({
        // A coordinator that stands still must be left before the session is over.
        kafka: clientOf(this.options, Math.max(1_000, Math.floor(sessionTimeoutMs / 4))),
        runtime,
        group,
        sessionTimeoutMs,
        commitCluster: this.cluster,
        partitionsByTopic,
        openReader: (position, onClose) => this.guarded(position.topic, () => this.readerAt(position, onClose)),
        onLeft: (left) => this.members.delete(left),
      })
      this.members.add(member)
      try {
        await member.start()
      } catch (error) {
        await member.leave()
        throw error
      }
      return member
    })

  groups: Log['groups'] = () =>
    this.guarded(undefined, async () => {
      const { groups } = await whileBrokersMove(this.options.runtime, null, () => this.admin.listGroups())
      return groups.map(({ groupId }) => groupId).sort()
    })

  committed: Log['committed'] = (group, topic) =>
    this.guarded(topic, async () => {
      await this.topicsOf.of(topic)
      const [found] = await whileBrokersMove(this.options.runtime, null, () =>
        this.admin.fetchOffsets({ groupId: group, topics: [topic] }),
      )
      const offsets = (found?.partitions ?? []).filter(({ offset }) => Number(offset) >= 0)
      return new Map(offsets.map(({ partition, offset }) => [partition as Partition, Number(offset) as Offset]))
    })

  close(): Promise<void> {
    this.closing ??= this.closeAll()
    return this.closing
  }

  private async closeAll(): Promise<void> {
    await Promise.allSettled([...this.members].map((member) => member.leave()))
    await this.appender.close()
    const others = [this.fetcher.close(), this.cluster.disconnect(), this.admin.disconnect()]
    await Promise.allSettled([...others, ...[...this.producers.values()].map((producer) => producer.close())])
  }

  private async readerAt(position: ReadPosition, onClose: (reader: KafkaReader) => void): Promise<KafkaReader> {
    const spec = await this.checkPosition(position)
    const { topic, partition } = position
    const { earliest, latest } = await this.offsets.bounds(topic, partition)
    if (position.from > latest) {
      throw new FreshetError(
        'log-position-out-of-range',
        `${topic}/${partition} ends at ${latest}, before ${position.from}: was the log replaced? start from its bounds`,
        { details: { ...position, latest } },
      )
    }
    const from = Math.max(position.from, earliest)
    return this.fetcher.open({ topic, partition, from, end: latest, idempotenceMs: spec.idempotenceMs }, onClose)
  }

  /** Records from an offset to the end as it is now. */
  private async readRange(topic: string, partition: number, from: number): Promise<LogRecord[]> {
    const { earliest, latest } = await this.offsets.bounds(topic, partition)
    const start = Math.max(from, earliest)
    const records: LogRecord[] = []
    if (start >= latest) return records
    const reader = await this.fetcher.open(
      { topic, partition, from: start, end: latest, idempotenceMs: null },
      () => {},
    )
    try {
      // Compaction and control records leave gaps: the fetch position, not the last record, says when the end is there.
      for (;;) {
        const more = await reader.next({ recordsMax: 10_000, waitMsMax: 0 })
        for (const record of more) records.push(record)
        if (reader.position >= latest || (more.length === 0 && reader.fetchOffset >= latest)) return records
      }
    } finally {
      await reader.close()
    }
  }

  private producerOf(topic: string): KafkaProducer {
    const { runtime, deliveryMsMax } = this.options
    let producer = this.producers.get(topic)
    if (!producer) {
      producer = new KafkaProducer({ cluster: clusterOf(this.kafka), runtime, topic, deliveryMsMax })
      this.producers.set(topic, producer)
    }
    return producer
  }

  private async checkPosition({ topic, partition }: TopicPartition) {
    const spec = await this.topicsOf.of(topic)
    if (partition < 0 || partition >= spec.partitions) throw noPartition(topic, partition)
    return spec
  }

  private checkRecords(topic: string, partitions: number, records: readonly NewRecord[]): number {
    const { recordBytesMax, inFlightBytesMax } = this.options
    let bytes = 0
    for (const record of records) {
      const size = framedBytes(record)
      bytes += size
      const { key, eventId = '', partition = 0 } = record
      if (
        size > recordBytesMax ||
        Buffer.byteLength(key ?? '') > keyBytesMax ||
        Buffer.byteLength(eventId) > eventIdBytesMax
      ) {
        throw new FreshetError('record-too-large', `a record of ${size} bytes for ${topic}: at most ${recordBytesMax}`)
      }
      if (partition < 0 || partition >= partitions) throw noPartition(topic, partition)
    }
    if (this.inFlightBytes > 0 && this.inFlightBytes + bytes > inFlightBytesMax) {
      throw new FreshetError('overloaded', `${this.inFlightBytes} bytes wait for Kafka: append again later`)
    }
    return bytes
  }

  /** Refuses after close, and says failures of kafkajs in the words of the log. */
  private async guarded<Result>(topic: string | undefined, work: () => Promise<Result>): Promise<Result> {
    if (this.closing) throw new FreshetError('log-closed', 'the log is closed: connect again')
    try {
      return await work()
    } catch (error) {
      throw logErrorOf(error, topic)
    }
  }
}

function noPartition(topic: string, partition: number): FreshetError {
  return new FreshetError('topic-mismatch', `${topic} has no partition ${partition}: look at its topic spec`, {
    details: { topic, partition },
  })
}
