// One fetch loop for all readers of a log: asks each broker once for all partitions that have room, waits at the broker
// until something comes, and hands it out. It rests while no reader wants anything.
import type { Kafka } from 'kafkajs'
import type { Runtime } from '../runtime/runtime.ts'
import { clusterOf, type FetchRequest, type KafkaCluster, kafkaErrorType, logErrorOf } from './kafka-cluster.ts'
import { KafkaReader, type KafkaReaderOptions } from './kafka-reader.ts'
import { recordOfMessage } from './kafka-records.ts'

/** How long a fetch waits at the broker; a new reader waits at most as long. */
const maxWaitTimeMs = 100
const partitionBytesMax = 1024 * 1024
const fetchBytesMax = 16 * 1024 * 1024
const retryMs = 200
const failuresBeforeError = 25

export class KafkaFetcher {
  private readonly cluster: KafkaCluster
  private readonly runtime: Runtime
  private readonly earliestOf: (topic: string, partition: number) => Promise<number>
  private readonly readers = new Set<KafkaReader>()
  private readonly topics = new Set<string>()
  private running: Promise<void> | null = null
  private failures = 0
  private closed = false

  constructor(kafka: Kafka, runtime: Runtime, earliestOf: (topic: string, partition: number) => Promise<number>) {
    this.cluster = clusterOf(kafka)
    this.runtime = runtime
    this.earliestOf = earliestOf
  }

  connect(): Promise<void> {
    return this.cluster.connect()
  }

  async open(
    options: Omit<KafkaReaderOptions, 'onRoom' | 'onClose' | 'runtime'>,
    onClose: (reader: KafkaReader) => void,
  ) {
    if (!this.topics.has(options.topic)) {
      await this.cluster.addMultipleTargetTopics([options.topic])
      this.topics.add(options.topic)
    }
    const reader = new KafkaReader({
      ...options,
      runtime: this.runtime,
      onRoom: () => this.start(),
      onClose: (closed) => {
        this.readers.delete(closed)
        onClose(closed)
      },
    })
    this.readers.add(reader)
    this.start()
    return reader
  }

  async close(): Promise<void> {
    this.closed = true
    for (const reader of [...this.readers]) reader.stop(null)
    await this.running
    await this.cluster.disconnect()
  }

  private start(): void {
    if (this.closed) return
    this.running ??= this.loop()
  }

  private async loop(): Promise<void> {
    for (;;) {
      const wanting = [...this.readers].filter((reader) => reader.wantsMore)
      if (wanting.length === 0 || this.closed) break
      try {
        await this.fetchFor(wanting)
        this.failures = 0
      } catch (error) {
        await this.recover(error, wanting)
      }
    }
    this.running = null
  }

  private async fetchFor(readers: readonly KafkaReader[]): Promise<void> {
    const readersByNode = new Map<string, KafkaReader[]>()
    for (const reader of readers) {
      const [node] = Object.keys(this.cluster.findLeaderForPartitions(reader.topic, [reader.partition]))
      if (node === undefined) throw new Error(`${reader.topic}/${reader.partition} has no leader`)
      readersByNode.set(node, [...(readersByNode.get(node) ?? []), reader])
    }
    await Promise.all([...readersByNode].map(([node, own]) => this.fetchFrom(node, own)))
  }

  /** Two readers of one partition at different offsets: the lower one is asked for, both take what they lack. */
  private async fetchFrom(nodeId: string, readers: readonly KafkaReader[]): Promise<void> {
    const offsets = new Map<string, Map<number, number>>()
    for (const { topic, partition, fetchOffset } of readers) {
      const byPartition = offsets.get(topic) ?? new Map<number, number>()
      offsets.set(topic, byPartition)
      byPartition.set(partition, Math.min(fetchOffset, byPartition.get(partition) ?? fetchOffset))
    }
    const topics: FetchRequest['topics'] = [...offsets].map(([topic, byPartition]) => ({
      topic,
      partitions: [...byPartition].map(([partition, offset]) => ({
        partition,
        fetchOffset: String(offset),
        maxBytes: partitionBytesMax,
      })),
    }))
    const broker = await this.cluster.findBroker({ nodeId })
    const isolationLevel = 1
    const request = { isolationLevel, maxWaitTime: maxWaitTimeMs, minBytes: 1, maxBytes: fetchBytesMax, topics }
    const { responses } = await broker.fetch(request)
    for (const { topicName, partitions } of responses) {
      for (const { partition, messages } of partitions) {
        if (messages.length === 0) continue
        const records = messages
          .filter((message) => !message.isControlRecord)
          .map((message) => recordOfMessage(topicName, partition, message))
        const end = Number(messages.at(-1)!.offset) + 1
        for (const reader of readers) {
          if (reader.topic !== topicName || reader.partition !== partition) continue
          // A reader ahead of the lower one takes nothing it has; a control record moves the position without a record.
          reader.receive(records)
          if (end > reader.fetchOffset) reader.moveUp(end)
        }
      }
    }
  }

  private async recover(error: unknown, readers: readonly KafkaReader[]): Promise<void> {
    if (this.closed) return
    const type = kafkaErrorType(error)
    try {
      if (type === 'OFFSET_OUT_OF_RANGE') {
        for (const reader of readers) reader.moveUp(await this.earliestOf(reader.topic, reader.partition))
      } else await this.cluster.refreshMetadata()
    } catch {
      // The brokers are away; the next round tries again.
    }
    if (++this.failures >= failuresBeforeError) {
      this.failures = 0
      for (const reader of readers) reader.fail(logErrorOf(error, reader.topic))
    }
    await this.runtime.timers.sleep(retryMs)
  }
}
