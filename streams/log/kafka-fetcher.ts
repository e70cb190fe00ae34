// Fetches for all readers of a log. Each broker is asked by two loops with connections of their own. The tail loop waits
// at the broker for what is new in any partition whose reader has all there was. The prompt loop serves the others: those
// that catch up, and those that came, or got room again, while the tail loop was waiting. So a new reader does not wait
// for others, and a long replay does not hold up what is new. Brokers do not wait for each other either.
import type { Kafka } from 'kafkajs'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import {
  clusterOf,
  type FetchedMessage,
  type FetchRequest,
  type FetchResponse,
  type KafkaCluster,
  kafkaErrorType,
  leaderless,
  leaderOf,
  logErrorOf,
} from './kafka-cluster.ts'
import { KafkaReader, type KafkaReaderOptions } from './kafka-reader.ts'
import { recordOfMessage } from './kafka-records.ts'

type LoopKind = 'tail' | 'prompt'

/** How long a fetch waits at the broker when there is nothing new. */
const waitMsOf: Readonly<Record<LoopKind, number>> = { tail: 100, prompt: 10 }
const partitionBytesMax = 1024 * 1024
/** Decoding a response holds up everything else in this thread: about 30 ms for this much of small records. */
const fetchBytesMax = 4 * 1024 * 1024
/** Under a steady trickle every record would cost a request: after a response smaller than this the tail loop rests a
 *  little, and the next one brings what came meanwhile. */
const restBytesMax = 64 * 1024
const restMs = 8
/** Bytes of a response that a record may keep in memory for each of its own. */
const pinnedPerByteMax = 8
const retryMs = 100
/** Readers are told that their broker does not answer after this long, and again after as long. */
const failingMsMax = 10_000

export interface KafkaFetcherOptions {
  readonly kafka: Kafka
  readonly runtime: Runtime
  bounds(topic: string, partition: number): Promise<{ earliest: number; latest: number }>
}

export class KafkaFetcher {
  private readonly clusters: Readonly<Record<LoopKind, KafkaCluster>>
  private readonly options: KafkaFetcherOptions
  private readonly readers = new Set<KafkaReader>()
  private readonly topics = new Set<string>()
  /** Loops that run, by kind and node. */
  private readonly running = new Map<string, Promise<void>>()
  private routing = false
  private closed = false

  constructor(options: KafkaFetcherOptions) {
    this.options = options
    this.clusters = { tail: clusterOf(options.kafka), prompt: clusterOf(options.kafka) }
  }

  async connect(): Promise<void> {
    await this.clusters.tail.connect()
    await this.clusters.prompt.connect()
  }

  async open(
    options: Omit<KafkaReaderOptions, 'onRoom' | 'onClose' | 'runtime'>,
    onClose: (reader: KafkaReader) => void,
  ): Promise<KafkaReader> {
    const { topic } = options
    if (!this.topics.has(topic)) {
      for (const cluster of Object.values(this.clusters)) await cluster.addMultipleTargetTopics([topic])
      this.topics.add(topic)
    }
    const reader = new KafkaReader({
      ...options,
      runtime: this.options.runtime,
      onRoom: (roomy) => this.start(roomy),
      onClose: (closed) => {
        this.readers.delete(closed)
        onClose(closed)
      },
    })
    this.readers.add(reader)
    reader.nodeId = leaderOf(this.clusters.tail, topic, options.partition)
    this.start(reader)
    return reader
  }

  async close(): Promise<void> {
    this.closed = true
    for (const reader of [...this.readers]) reader.stop(null)
    await Promise.all(this.running.values())
    await Promise.all([this.clusters.tail.disconnect(), this.clusters.prompt.disconnect()])
  }

  /** Sees to it that some loop fetches for the reader. */
  private start(reader: KafkaReader): void {
    if (this.closed || !reader.wantsMore || reader.tailing) return
    const { nodeId, caughtUp } = reader
    if (nodeId === null) {
      void this.route()
      return
    }
    // While the tail loop waits for others, the prompt loop takes the reader until that is over.
    const kind = caughtUp && !this.running.has(`tail/${nodeId}`) ? 'tail' : 'prompt'
    const key = `${kind}/${nodeId}`
    if (!this.running.has(key)) this.running.set(key, this.loop(kind, nodeId, key))
  }

  private async loop(kind: LoopKind, nodeId: string, key: string): Promise<void> {
    // The caller notes that the loop runs before its first turn.
    await null
    for (;;) {
      const readers = this.readersFor(kind, nodeId)
      if (readers.length === 0) break
      if (kind === 'tail') for (const reader of readers) reader.tailing = true
      let failure: unknown = null
      let bytes = 0
      try {
        bytes = await this.fetch(kind, nodeId, readers)
      } catch (error) {
        failure = error
      }
      if (kind === 'tail') for (const reader of readers) reader.tailing = false
      if (failure !== null) await this.recover(failure, nodeId, readers)
      // Some may belong to the other loop now.
      for (const reader of readers) if (reader.caughtUp !== (kind === 'tail')) this.start(reader)
      if (kind === 'tail' && bytes > 0 && bytes < restBytesMax) await this.options.runtime.timers.sleep(restMs)
    }
    this.running.delete(key)
  }

  private readersFor(kind: LoopKind, nodeId: string): KafkaReader[] {
    if (this.closed) return []
    const tailRuns = this.running.has(`tail/${nodeId}`)
    return [...this.readers].filter((reader) => {
      if (reader.nodeId !== nodeId || !reader.wantsMore) return false
      // A reader that the prompt loop is fetching for may be in both for a moment: it takes nothing twice.
      if (kind === 'tail') return reader.caughtUp
      return !reader.tailing && !(reader.caughtUp && !tailRuns)
    })
  }

  /** Gives the size of what came. */
  private async fetch(kind: LoopKind, nodeId: string, readers: readonly KafkaReader[]): Promise<number> {
    const broker = await this.clusters[kind].findBroker({ nodeId })
    const limits = { minBytes: 1, maxBytes: fetchBytesMax, maxWaitTime: waitMsOf[kind] }
    const { responses } = await broker.fetch({ isolationLevel: 1, ...limits, topics: requestFor(readers) })
    const bytes = responses.reduce(
      (sum, { partitions }) => sum + partitions.reduce((own, { messages }) => own + bytesOf(messages), 0),
      0,
    )
    const byPlace = Map.groupBy(readers, ({ topic, partition }) => `${topic}/${partition}`)
    for (const { topicName, partitions } of responses) {
      for (const answer of partitions) {
        const own = byPlace.get(`${topicName}/${answer.partition}`) ?? []
        this.deliver(topicName, answer, own, bytes)
      }
    }
    return bytes
  }

  /** Hands out what a fetch returned of one partition; `bytes` is the size of the whole response. */
  private deliver(
    topic: string,
    { partition, messages, highWatermark, lastStableOffset }: FetchResponse['responses'][0]['partitions'][0],
    readers: readonly KafkaReader[],
    bytes: number,
  ): void {
    const end = Number(lastStableOffset ?? highWatermark)
    // A value is a view of the whole response. A slow reader of little must not keep what others got in memory.
    const ownsValues = pinnedPerByteMax * bytesOf(messages) < bytes
    const records = messages
      .filter((message) => !message.isControlRecord)
      .map((message) => recordOfMessage(topic, partition, message, ownsValues))
    for (const reader of readers) {
      reader.failingSinceMs = null
      // A reader ahead of the lowest one of its partition takes nothing it has.
      if (records.length > 0) reader.receive(records)
      // Control records and what compaction emptied move the position without a record.
      if (messages.length > 0) reader.moveUp(Number(messages.at(-1)!.offset) + 1)
      else if (bytes === 0) reader.moveUp(end)
      reader.caughtUp = reader.fetchOffset >= end
    }
  }

  private async recover(error: unknown, nodeId: string, readers: readonly KafkaReader[]): Promise<void> {
    if (this.closed) return
    if (kafkaErrorType(error) === 'OFFSET_OUT_OF_RANGE') {
      const { topic, partition } = error as { topic?: string; partition?: number }
      const beyond = readers.filter((reader) => reader.topic === topic && reader.partition === partition)
      for (const reader of beyond) await this.moveIntoRange(reader)
      if (beyond.length > 0) return
    }
    // Whoever leads their partitions now is looked up for all readers of this broker.
    for (const reader of this.readers) if (reader.nodeId === nodeId) this.lose(reader, error)
    await this.options.runtime.timers.sleep(retryMs)
    void this.route()
  }

  private async moveIntoRange(reader: KafkaReader): Promise<void> {
    const { topic, partition } = reader
    try {
      const { earliest, latest } = await this.options.bounds(topic, partition)
      if (reader.fetchOffset <= latest) return reader.moveUp(earliest)
      const reason = `${topic}/${partition} ends at ${latest}, before ${reader.fetchOffset}: was the log replaced?`
      reader.fail(new FreshetError('log-position-out-of-range', reason, { details: { topic, partition, latest } }))
    } catch (error) {
      this.lose(reader, error)
    }
    await this.options.runtime.timers.sleep(retryMs)
  }

  private lose(reader: KafkaReader, error: unknown): void {
    reader.nodeId = null
    const nowMs = this.options.runtime.clock.monotonicMs()
    reader.failingSinceMs ??= nowMs
    if (nowMs - reader.failingSinceMs < failingMsMax) return
    reader.failingSinceMs = nowMs
    reader.fail(logErrorOf(error, reader.topic))
  }

  /** Looks for the leaders of all partitions that lack one until each is found. Never rejects. */
  private async route(): Promise<void> {
    if (this.routing) return
    this.routing = true
    for (;;) {
      const lost = [...this.readers].filter(({ nodeId }) => nodeId === null)
      if (lost.length === 0 || this.closed) break
      await Promise.allSettled(Object.values(this.clusters).map((cluster) => cluster.refreshMetadata()))
      for (const reader of lost) {
        reader.nodeId = leaderOf(this.clusters.tail, reader.topic, reader.partition)
        if (reader.nodeId === null) this.lose(reader, leaderless(reader.topic, reader.partition))
        else this.start(reader)
      }
      if (lost.some(({ nodeId }) => nodeId === null)) await this.options.runtime.timers.sleep(retryMs)
    }
    this.routing = false
  }
}

/** Two readers of one partition at different offsets: the lower one is asked for, both take what they lack. */
function requestFor(readers: readonly KafkaReader[]): FetchRequest['topics'] {
  const offsets = new Map<string, Map<number, number>>()
  for (const { topic, partition, fetchOffset } of readers) {
    const byPartition = offsets.get(topic) ?? new Map<number, number>()
    offsets.set(topic, byPartition)
    byPartition.set(partition, Math.min(fetchOffset, byPartition.get(partition) ?? fetchOffset))
  }
  return [...offsets].map(([topic, byPartition]) => ({
    topic,
    partitions: [...byPartition].map(([partition, offset]) => ({
      partition,
      fetchOffset: String(offset),
      maxBytes: partitionBytesMax,
    })),
  }))
}

function bytesOf(messages: readonly FetchedMessage[]): number {
  let bytes = 0
  for (const { value } of messages) bytes += 100 + (value?.byteLength ?? 0)
  return bytes
}
