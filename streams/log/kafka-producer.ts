// Writes the batches of one topic, each exactly once for as long as it is tried: a batch keeps its producer id and sequence
// until Kafka answers, so that Kafka knows a repeat whichever broker leads by then. (The producer of kafkajs doubles or
// drops batches when the leader of one partition moves while another one of the same request fails.) Every topic has
// connections of its own: a broker takes the requests of a connection one by one, and a large batch of one topic must not
// hold up the small ones of another.
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import {
  brokersAreMoving,
  type KafkaCluster,
  kafkaErrorType,
  leaderless,
  leaderOf,
  logErrorOf,
  type ProducerIdentity,
} from './kafka-cluster.ts'
import { produce } from './kafka-produce.ts'
import type { NewRecord } from './log.ts'

export interface KafkaProducerOptions {
  /** A handle that nobody else uses. */
  readonly cluster: KafkaCluster
  readonly runtime: Runtime
  readonly topic: string
  /** How long a batch is tried. After that nobody knows whether it was written. */
  readonly deliveryMsMax: number
}

/** A producer id and how many records of each partition were written under it. */
interface Identity extends ProducerIdentity {
  readonly sequenceByPartition: Map<number, number>
}
interface Send {
  readonly partition: number
  readonly records: readonly NewRecord[]
  readonly bytes: number
  readonly endMs: number
  identity: Identity | null
  resolve(baseOffset: number): void
  reject(error: unknown): void
}

/** Of one request; a send larger than this goes alone. */
const requestBytesMax = 8 * 1024 * 1024
/** How long a broker waits for its replicas before it says so. */
const replicasMsMax = 4_000
const retryMs = 50
const transactionTimeout = 60_000
/** Sequences are 32-bit: a producer takes a new id long before they end. */
const sequenceMax = 2 ** 30
/** The producer's own trouble: nothing more can be written under its id. */
const identityTypes = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
])

export class KafkaProducer {
  private readonly options: KafkaProducerOptions
  private readonly waitingByNode = new Map<string, Send[]>()
  private readonly busyNodes = new Set<string>()
  private connected: Promise<void> | null = null
  private identity: Promise<Identity> | null = null

  constructor(options: KafkaProducerOptions) {
    this.options = options
  }

  /**
   * Resolves with the offset of the first record once all replicas in sync have the batch. One call at a time for a
   * partition. Rejects with log-unavailable when the batch may have been written and may not.
   */
  send(partition: number, records: readonly NewRecord[], bytes: number): Promise<number> {
    const endMs = this.options.runtime.clock.monotonicMs() + this.options.deliveryMsMax
    return new Promise((resolve, reject) => {
      void this.route({ partition, records, bytes, endMs, identity: null, resolve, reject })
    })
  }

  async close(): Promise<void> {
    await this.options.cluster.disconnect()
  }

  /** Hands the send to the loop of the broker that leads its partition now. Never rejects. */
  private async route(send: Send): Promise<void> {
    const { cluster, topic } = this.options
    try {
      await this.connect()
      send.identity ??= await this.currentIdentity(send.partition)
      const node = leaderOf(cluster, topic, send.partition)
      if (node === null) throw leaderless(topic, send.partition)
      const waiting = this.waitingByNode.get(node) ?? []
      this.waitingByNode.set(node, waiting)
      waiting.push(send)
      if (!this.busyNodes.has(node)) void this.sendTo(node, waiting)
    } catch (error) {
      await this.again(send, error)
    }
  }

  /** One request at a time, each carrying all that waited. Never rejects. */
  private async sendTo(node: string, waiting: Send[]): Promise<void> {
    this.busyNodes.add(node)
    while (waiting.length > 0) {
      const group = takeGroup(waiting)
      try {
        await this.produce(node, group)
      } catch (error) {
        for (const send of group) void this.again(send, error)
      }
    }
    this.busyNodes.delete(node)
  }

  private async produce(nodeId: string, group: readonly Send[]): Promise<void> {
    const { cluster, topic } = this.options
    const { producerId, producerEpoch, sequenceByPartition } = group[0]!.identity!
    const broker = await cluster.findBroker({ nodeId })
    const batches = group.map(({ partition, records }) => {
      return { partition, records, firstSequence: sequenceByPartition.get(partition) ?? 0 }
    })
    const outcomes = await produce(broker, { topic, replicasMsMax, producerId, producerEpoch, batches })
    for (const send of group) {
      const outcome = outcomes.get(send.partition) ?? { error: leaderless(topic, send.partition) }
      if ('error' in outcome) {
        void this.again(send, outcome.error)
        continue
      }
      const written = (sequenceByPartition.get(send.partition) ?? 0) + send.records.length
      sequenceByPartition.set(send.partition, written)
      send.resolve(outcome.baseOffset)
    }
  }

  /** Tries a send again, the very same, while that can help; else says why not. Never rejects. */
  private async again(send: Send, error: unknown): Promise<void> {
    const { cluster, runtime, topic } = this.options
    const isLate = runtime.clock.monotonicMs() >= send.endMs
    if (!isLate && brokersAreMoving(error)) {
      await runtime.timers.sleep(retryMs)
      await cluster.refreshMetadata().catch(() => {})
      await this.route(send)
      return
    }
    if (isLate || identityTypes.has(kafkaErrorType(error))) {
      // Under this id the next sequence is not known any more; later batches begin anew under another.
      await this.dropIdentity(send.identity)
      const reason = 'Kafka did not say whether it took the records: look at the brokers, then append again'
      send.reject(new FreshetError('log-unavailable', reason, { cause: error, details: { topic } }))
      return
    }
    send.reject(logErrorOf(error, topic))
  }

  private connect(): Promise<void> {
    const { cluster, topic } = this.options
    this.connected ??= cluster
      .connect()
      .then(() => cluster.addMultipleTargetTopics([topic]))
      .catch((error) => {
        this.connected = null
        throw error
      })
    return this.connected
  }

  private async currentIdentity(partition: number): Promise<Identity> {
    const known = await this.identity
    if (known && (known.sequenceByPartition.get(partition) ?? 0) > sequenceMax) await this.dropIdentity(known)
    this.identity ??= this.newIdentity().catch((error) => {
      this.identity = null
      throw error
    })
    return this.identity
  }

  private async newIdentity(): Promise<Identity> {
    const broker = await this.options.cluster.findControllerBroker()
    const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout })
    return { producerId, producerEpoch, sequenceByPartition: new Map() }
  }

  private async dropIdentity(identity: Identity | null): Promise<void> {
    const current = await this.identity?.catch(() => null)
    if (current && current === identity) this.identity = null
  }
}

/** The next sends for one request: of one identity, within the bytes. */
function takeGroup(waiting: Send[]): Send[] {
  const first = waiting.shift()!
  const group = [first]
  let bytes = first.bytes
  for (let index = 0; index < waiting.length; ) {
    const send = waiting[index]!
    if (send.identity !== first.identity || bytes + send.bytes > requestBytesMax) {
      index++
      continue
    }
    bytes += send.bytes
    group.push(send)
    waiting.splice(index, 1)
  }
  return group
}
