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
    partitions: { partition: number; highWatermark: string; messages: FetchedMessage[] }[]
  }[]
}
export interface GroupAssignment {
  readonly memberId: string
  readonly memberAssignment: Buffer
}

export interface KafkaBroker {
  fetch(request: FetchRequest): Promise<FetchResponse>
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
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
])
const movingAttempts = 100
const movingWaitMs = 50

/** Repeats what failed only because leadership is moving, as it does for a moment after a topic or group is created. */
export async function whileLeadersMove<Result>(runtime: Runtime, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === movingAttempts || !movingTypes.has(kafkaErrorType(error))) throw error
      await runtime.timers.sleep(movingWaitMs)
    }
  }
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
