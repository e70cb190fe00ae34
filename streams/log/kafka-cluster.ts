// The protocol layer of kafkajs 2.2.4, of which its public consumer is one use. Reading outside a group, and giving
// partitions up in order, need this layer; the package is pinned and no longer changes. Nothing else touches it.
import type { Kafka } from 'kafkajs'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'

export interface FetchedMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | Buffer[] | undefined>>
  readonly isControlRecord?: boolean
}
export interface FetchRequest {
  readonly isolationLevel: number
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly topics: {
    topic: string
    partitions: { partition: number; fetchOffset: string; maxBytes: number }[]
  }[]
}
export interface FetchResponse {
  readonly responses: {
    topicName: string
    partitions: {
      partition: number
      highWatermark: string
      /** End of what a reader may see: nothing is ever in a transaction here. */
      lastStableOffset?: string
      messages: FetchedMessage[]
    }[]
  }[]
}
export interface ProducerIdentity {
  /** 64 bits, in decimal. */
  readonly producerId: string
  readonly producerEpoch: number
}
export interface GroupAssignment {
  readonly memberId: string
  readonly memberAssignment: Buffer
}

export interface KafkaBroker {
  readonly nodeId: string | number
  fetch(request: FetchRequest): Promise<FetchResponse>
  /** Sends a request that is encoded by the caller; `buf` and `buffer` are the same. */
  readonly connectionPool: {
    send<Decoded extends { clientSideThrottleTime: number }, Parsed>(protocol: {
      request: {
        apiKey: number
        apiVersion: number
        apiName: string
        encode(): Promise<{ buf: Buffer; buffer: Buffer }>
      }
      response: { decode(answer: Buffer): Promise<Decoded>; parse(decoded: Decoded): Promise<Parsed> }
    }): Promise<Parsed>
  }
  initProducerId(request: { transactionTimeout: number }): Promise<ProducerIdentity>
  /** A partition may be asked for once per request. */
  listOffsets(request: {
    isolationLevel: number
    topics: { topic: string; partitions: { partition: number; timestamp: string }[] }[]
  }): Promise<{ responses: { topic: string; partitions: { partition: number; offset: string }[] }[] }>
  joinGroup(request: {
    groupId: string
    sessionTimeout: number
    rebalanceTimeout: number
    memberId: string
    groupProtocols: { name: string; metadata: Buffer }[]
  }): Promise<{
    generationId: number
    leaderId: string
    memberId: string
    members: { memberId: string; memberMetadata: Buffer }[]
  }>
  syncGroup(request: {
    groupId: string
    generationId: number
    memberId: string
    groupAssignment: GroupAssignment[]
  }): Promise<{ memberAssignment: Buffer }>
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>
  offsetCommit(request: {
    groupId: string
    groupGenerationId: number
    memberId: string
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
  }): Promise<unknown>
}

export interface KafkaCluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addMultipleTargetTopics(topics: string[]): Promise<void>
  refreshMetadata(): Promise<void>
  /** Partitions by the node id of their leader. */
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>
  findBroker(node: { nodeId: string }): Promise<KafkaBroker>
  findControllerBroker(): Promise<KafkaBroker>
  findGroupCoordinator(group: { groupId: string }): Promise<KafkaBroker>
}

const createCluster = 'private:Kafka:createCluster'

/** A cluster handle with connections of its own, under the settings of the client. */
export function clusterOf(kafka: Kafka): KafkaCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === createCluster)
  if (!symbol) throw new Error('assertion failed: this is not kafkajs 2.2.4')
  const create = (kafka as unknown as Record<symbol, (options: object) => KafkaCluster>)[symbol]!
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false })
}

/** Type of a protocol error, such as REBALANCE_IN_PROGRESS, or the empty string. */
export function kafkaErrorType(error: unknown): string {
  const { type, cause } = (error ?? {}) as { type?: unknown; cause?: unknown }
  if (typeof type === 'string') return type
  return cause && cause !== error ? kafkaErrorType(cause) : ''
}

const movingTypes = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'BROKER_NOT_AVAILABLE',
  'OFFSET_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'KAFKA_STORAGE_ERROR',
  'NOT_CONTROLLER',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  // A topic is made at one broker; the others hear of it a moment later. Callers know that it is there.
  'UNKNOWN_TOPIC_OR_PARTITION',
])
const movingNames = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
])
const movingWaitMs = 50
const movingMsMax = 20_000

/** Whether the same may work once partitions have found other brokers, or brokers came back. */
export function brokersAreMoving(error: unknown): boolean {
  for (let at = error as { name?: string; type?: string; cause?: unknown } | null | undefined; at; ) {
    if (movingNames.has(at.name ?? '') || movingTypes.has(at.type ?? '')) return true
    at = at.cause === at ? null : (at.cause as typeof at)
  }
  return false
}

/**
 * Repeats what failed only because leadership is moving or a broker is away, for at most `msMax`. Only for work that may
 * be done twice.
 */
export async function whileBrokersMove<Result>(
  runtime: Runtime,
  cluster: KafkaCluster | null,
  work: () => Promise<Result>,
  msMax = movingMsMax,
): Promise<Result> {
  const endMs = runtime.clock.monotonicMs() + msMax
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!brokersAreMoving(error) || runtime.clock.monotonicMs() >= endMs) throw error
      await runtime.timers.sleep(movingWaitMs)
      await cluster?.refreshMetadata().catch(() => {})
    }
  }
}

/** Node id of the leader as the cluster handle knows it; null where there is none now. */
export function leaderOf(cluster: KafkaCluster, topic: string, partition: number): string | null {
  try {
    const [node] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
    return node === undefined || Number(node) < 0 ? null : node
  } catch {
    return null
  }
}

/** What to throw where a partition has no leader: it may get one soon. */
export function leaderless(topic: string, partition: number): Error {
  return Object.assign(new Error(`${topic}/${partition} has no leader`), { type: 'LEADER_NOT_AVAILABLE' })
}

/** What a failure of kafkajs means to a caller of the log. */
export function logErrorOf(error: unknown, topic?: string): FreshetError {
  if (error instanceof FreshetError) return error
  const type = kafkaErrorType(error)
  const details = { kafka: type, ...(topic === undefined ? {} : { topic }) }
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') {
    return new FreshetError('topic-unknown', `no topic ${topic}: create it with ensureTopic`, { cause: error, details })
  }
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') {
    return new FreshetError('record-too-large', 'Kafka refuses the size: raise message.max.bytes or split the record', {
      cause: error,
      details,
    })
  }
  const reason = (error as Error | null)?.message ?? String(error)
  return new FreshetError('log-unavailable', `Kafka: ${reason}: look at the brokers, then try again`, {
    cause: error,
    details,
  })
}
