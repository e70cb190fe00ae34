// A member of a Kafka consumer group that gives partitions up in order: the leader hands a partition number to a new owner
// only when its old owner no longer lists it, and the old owner lists it until its onRevoked is over. The same assignment
// as in every driver; both sides are Freshet's, so the group must have no other clients.
import kafkajs, { type Kafka } from 'kafkajs'
import { FreshetError } from '../runtime/errors.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { assignPartitionNumbers } from './group-assignment.ts'
import {
  clusterOf,
  type GroupAssignment,
  type KafkaBroker,
  type KafkaCluster,
  kafkaErrorType,
  logErrorOf,
  whileBrokersMove,
} from './kafka-cluster.ts'
import type { KafkaReader } from './kafka-reader.ts'
import type { GroupMember, GroupOptions, Offset, Partition, Reader, ReadPosition, TopicPartition } from './log.ts'

const protocolName = 'freshet-partition-numbers'
/**
 * How long the group waits for a member that is alive and still giving partitions up or taking them. The dead are missed
 * after their session, however long this is.
 */
const rebalanceTimeout = 60_000
const heartbeatMs = 200
const commitWaitMs = 100
/** Longer than brokers need to find each other again. */
const commitMsMax = 15_000
const expelledTypes = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'])

export interface KafkaMemberOptions {
  readonly kafka: Kafka
  readonly runtime: Runtime
  readonly group: GroupOptions
  /** The group goes on without a member that it has not heard of for so long. */
  readonly sessionTimeoutMs: number
  /** Takes commits, which must not wait behind a request to join. Not owned. */
  readonly commitCluster: KafkaCluster
  readonly partitionsByTopic: ReadonlyMap<string, number>
  openReader(position: ReadPosition, onClose: (reader: KafkaReader) => void): Promise<KafkaReader>
  onLeft(member: KafkaMember): void
}

export class KafkaMember implements GroupMember {
  private readonly options: KafkaMemberOptions
  private readonly cluster: KafkaCluster
  private readonly held = new Set<number>()
  private readonly readers = new Map<string, Set<KafkaReader>>()
  private coordinator: KafkaBroker | null = null
  /** The coordinator as commits know it. */
  private commitNodeId: string | null = null
  /** How many commits there were of each partition. */
  private readonly commits = new Map<string, number>()
  private id = ''
  private generationId = -1
  private leaving: Promise<void> | null = null
  private ended: Promise<void> = Promise.resolve()
  private nudge = new AbortController()

  constructor(options: KafkaMemberOptions) {
    this.options = options
    this.cluster = clusterOf(options.kafka)
  }

  get memberId(): string {
    return this.id
  }

  async start(): Promise<void> {
    const { runtime, group } = this.options
    await whileBrokersMove(runtime, null, () => this.cluster.connect())
    await whileBrokersMove(runtime, this.cluster, () => this.cluster.addMultipleTargetTopics([...group.topics]))
    await whileBrokersMove(runtime, this.cluster, () => this.join())
    this.ended = this.live()
  }

  async openReader(position: ReadPosition): Promise<Reader> {
    this.checkHeld(position)
    const key = keyOf(position)
    const readers = this.readers.get(key) ?? new Set<KafkaReader>()
    this.readers.set(key, readers)
    const reader = await this.options.openReader(position, (closed) => readers.delete(closed))
    readers.add(reader)
    return reader
  }

  /** One that has to be tried again gives way to a later one of the partition: it must not land after it. */
  async commit(position: TopicPartition, next: Offset): Promise<void> {
    const { topic, partition } = position
    const place = keyOf(position)
    const ticket = (this.commits.get(place) ?? 0) + 1
    this.commits.set(place, ticket)
    const { group, runtime } = this.options
    const endMs = runtime.clock.monotonicMs() + commitMsMax
    while (this.commits.get(place) === ticket) {
      this.checkHeld(position)
      const { generationId: groupGenerationId, id: memberId } = this
      try {
        const broker = await this.commitBroker()
        const topics = [{ topic, partitions: [{ partition, offset: String(next) }] }]
        await broker.offsetCommit({ groupId: group.group, groupGenerationId, memberId, topics })
        return
      } catch (error) {
        const type = kafkaErrorType(error)
        // Nothing this member says counts any more, and joining again gives it another name.
        const isExpelled = type === 'UNKNOWN_MEMBER_ID' && (memberId === this.id || this.id === '')
        if (isExpelled || runtime.clock.monotonicMs() >= endMs) throw logErrorOf(error, topic)
        if (type !== 'REBALANCE_IN_PROGRESS' && type !== 'ILLEGAL_GENERATION') this.commitNodeId = null
        // While the group settles, commits wait for its next generation.
        await runtime.timers.sleep(commitWaitMs)
      }
    }
  }

  private async commitBroker(): Promise<KafkaBroker> {
    const { commitCluster, group } = this.options
    if (this.commitNodeId === null) {
      const broker = await commitCluster.findGroupCoordinator({ groupId: group.group })
      this.commitNodeId = String(broker.nodeId)
    }
    // Also where it is known: this connects again one at a time, which a request by itself does not.
    return commitCluster.findBroker({ nodeId: this.commitNodeId })
  }

  leave(): Promise<void> {
    this.leaving ??= this.end()
    return this.leaving
  }

  private async end(): Promise<void> {
    this.nudge.abort()
    await nextTurn()
    await this.ended
    await this.release([...this.held])
    const { group: groupId } = this.options.group
    await this.coordinator?.leaveGroup({ groupId, memberId: this.id }).catch(() => {})
    await this.cluster.disconnect()
    this.options.onLeft(this)
  }

  /** Heartbeats, and settles again whenever the group changes, until the member leaves. */
  private async live(): Promise<void> {
    await nextTurn()
    let isJoined = true
    let isSettled = false
    while (!this.leaving) {
      try {
        if (!isJoined) await this.join()
        isJoined = true
        if (!isSettled) isSettled = await this.settle()
        // What was given up is for others, once this member no longer lists it.
        if (!isSettled) isJoined = false
        else await this.beat()
      } catch (error) {
        isJoined = false
        isSettled = false
        await this.recover(error)
      }
    }
  }

  private async beat(): Promise<void> {
    await this.options.runtime.timers.sleep(heartbeatMs, this.nudge.signal).catch(() => {})
    if (this.leaving) return
    const { group: groupId } = this.options.group
    await this.coordinator!.heartbeat({ groupId, groupGenerationId: this.generationId, memberId: this.id })
  }

  /** Before joining again. */
  private async recover(error: unknown): Promise<void> {
    const type = kafkaErrorType(error)
    if (type === 'REBALANCE_IN_PROGRESS') return
    if (expelledTypes.has(type)) {
      // The group went on without this member: what it held may have new owners already.
      this.id = ''
      await this.release([...this.held])
      return
    }
    await this.options.runtime.timers.sleep(heartbeatMs, this.nudge.signal).catch(() => {})
    await this.cluster.refreshMetadata().catch(() => {})
  }

  private pendingAssignment: GroupAssignment[] = []

  private async join(): Promise<void> {
    const { group: groupId, topics } = this.options.group
    this.coordinator = await this.cluster.findGroupCoordinator({ groupId })
    const userData = Buffer.from(JSON.stringify([...this.held]))
    const metadata = kafkajs.AssignerProtocol.MemberMetadata.encode({ version: 0, topics: [...topics], userData })
    const joined = await this.coordinator.joinGroup({
      groupId,
      sessionTimeout: this.options.sessionTimeoutMs,
      rebalanceTimeout,
      memberId: this.id,
      groupProtocols: [{ name: protocolName, metadata }],
    })
    this.id = joined.memberId
    this.generationId = joined.generationId
    this.pendingAssignment = joined.leaderId === joined.memberId ? this.assignmentOf(joined.members) : []
  }

  /** Learns what the leader gave this member; true when nothing had to be given up, so that nobody waits for it. */
  private async settle(): Promise<boolean> {
    const { group: groupId } = this.options.group
    const { generationId, id: memberId, pendingAssignment: groupAssignment } = this
    const synced = await this.coordinator!.syncGroup({ groupId, generationId, memberId, groupAssignment })
    const decoded = kafkajs.AssignerProtocol.MemberAssignment.decode(synced.memberAssignment)
    const assigned = new Set(Object.values(decoded?.assignment ?? {}).flat())
    const lost = [...this.held].filter((number) => !assigned.has(number))
    const gained = [...assigned].filter((number) => !this.held.has(number))
    if (lost.length > 0) await this.beatDuring(this.release(lost))
    if (gained.length > 0 && !this.leaving) {
      for (const number of gained) this.held.add(number)
      // A member whose callback fails must not hold up the others.
      await this.beatDuring(this.options.group.onAssigned(this.partitionsOf(gained)).catch(() => {}))
    }
    return lost.length === 0
  }

  /** Stays in the group while a callback takes its time; a group that wants to change waits for it. */
  private async beatDuring(work: Promise<void>): Promise<void> {
    const { group: groupId } = this.options.group
    const stop = this.options.runtime.timers.every(this.options.sessionTimeoutMs / 5, async () => {
      const request = { groupId, groupGenerationId: this.generationId, memberId: this.id }
      await this.coordinator!.heartbeat(request).catch(() => {})
    })
    try {
      await work
    } finally {
      stop()
    }
  }

  private async release(numbers: readonly number[]): Promise<void> {
    if (numbers.length === 0) return
    const partitions = this.partitionsOf(numbers)
    await this.options.group.onRevoked(partitions).catch(() => {})
    for (const number of numbers) this.held.delete(number)
    const reason = new FreshetError('stopped', `member ${this.id} no longer owns the partition: stop reading it`)
    for (const partition of partitions) {
      for (const reader of [...(this.readers.get(keyOf(partition)) ?? [])]) reader.stop(reason)
      this.readers.delete(keyOf(partition))
    }
  }

  private assignmentOf(members: readonly { memberId: string; memberMetadata: Buffer }[]): GroupAssignment[] {
    const heldBy = new Map<number, string>()
    const described = members.map(({ memberId, memberMetadata }) => {
      const metadata = kafkajs.AssignerProtocol.MemberMetadata.decode(memberMetadata)
      const held = new Set(JSON.parse(metadata?.userData.toString('utf8') || '[]') as number[])
      for (const number of held) heldBy.set(number, memberId)
      return { memberId, held }
    })
    const numbers = Math.max(0, ...this.options.partitionsByTopic.values())
    return [...assignPartitionNumbers(described, numbers)].map(([memberId, wanted]) => {
      const free = wanted.filter((number) => (heldBy.get(number) ?? memberId) === memberId)
      const assignment: Record<string, number[]> = {}
      for (const { topic, partition } of this.partitionsOf(free)) {
        assignment[topic] = [...(assignment[topic] ?? []), partition]
      }
      const memberAssignment = kafkajs.AssignerProtocol.MemberAssignment.encode({
        version: 0,
        assignment,
        userData: Buffer.alloc(0),
      })
      return { memberId, memberAssignment }
    })
  }

  private partitionsOf(numbers: readonly number[]): TopicPartition[] {
    const partitions: TopicPartition[] = []
    for (const [topic, count] of this.options.partitionsByTopic) {
      for (const number of numbers) if (number < count) partitions.push({ topic, partition: number as Partition })
    }
    return partitions
  }

  private checkHeld({ topic, partition }: TopicPartition): void {
    if (this.held.has(partition) && this.options.group.topics.includes(topic)) return
    throw new FreshetError('stopped', `member ${this.id} does not own ${topic}/${partition}: wait for onAssigned`, {
      details: { topic, partition, memberId: this.id },
    })
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
