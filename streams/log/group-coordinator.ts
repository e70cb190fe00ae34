// Consumer groups inside one process. Rebalances of a group run one after another; a partition is given on only after the
// member that had it finished onRevoked. joinGroup resolves before the first onAssigned is called.
import { FreshetError } from '../runtime/errors.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import { assignPartitionNumbers } from './group-assignment.ts'
import type { GroupMember, GroupOptions, Offset, Partition, Reader, ReadPosition, TopicPartition } from './log.ts'
import type { PartitionReader } from './partition-reader.ts'

/** What the coordinator needs of the log. */
export interface GroupLog {
  partitionsOf(topic: string): number
  openPartitionReader(position: ReadPosition, onClose: (reader: PartitionReader) => void): PartitionReader
  onCommitted(): void
}

interface Member {
  readonly id: string
  readonly options: GroupOptions
  /** Partition numbers held. */
  readonly held: Set<number>
  readonly readers: Map<string, Set<PartitionReader>>
  leaving: boolean
}

interface Group {
  readonly members: Map<string, Member>
  rebalancing: Promise<void>
}

/** topic -> partition -> next offset to process, of one group. */
export type CommittedOffsets = Map<string, Map<Partition, Offset>>

export class GroupCoordinator {
  readonly committed = new Map<string, CommittedOffsets>()
  private readonly log: GroupLog
  private readonly groups = new Map<string, Group>()
  private memberCount = 0

  constructor(log: GroupLog) {
    this.log = log
  }

  join(options: GroupOptions): GroupMember {
    for (const topic of options.topics) this.log.partitionsOf(topic)
    const group = this.groups.get(options.group) ?? { members: new Map(), rebalancing: Promise.resolve() }
    this.groups.set(options.group, group)
    if (!this.committed.has(options.group)) this.committed.set(options.group, new Map())
    const member: Member = {
      id: `${options.group}-${String(++this.memberCount).padStart(6, '0')}`,
      options,
      held: new Set(),
      readers: new Map(),
      leaving: false,
    }
    group.members.set(member.id, member)
    this.rebalance(group)
    return this.handleOf(group, member)
  }

  /** Ends every membership, giving each onRevoked. */
  async close(): Promise<void> {
    const leaving: Promise<void>[] = []
    for (const group of this.groups.values()) {
      for (const member of group.members.values()) leaving.push(this.leave(group, member))
    }
    await Promise.all(leaving)
  }

  private handleOf(group: Group, member: Member): GroupMember {
    return {
      memberId: member.id,
      openReader: async (position): Promise<Reader> => {
        this.checkHeld(member, position)
        const key = keyOf(position)
        const readers = member.readers.get(key) ?? new Set()
        member.readers.set(key, readers)
        const reader = this.log.openPartitionReader(position, (closed) => readers.delete(closed))
        readers.add(reader)
        return reader
      },
      commit: async ({ topic, partition }, next) => {
        this.checkHeld(member, { topic, partition })
        const offsets = this.committed.get(member.options.group)!
        const byPartition = offsets.get(topic) ?? new Map<Partition, Offset>()
        offsets.set(topic, byPartition)
        byPartition.set(partition, next)
        this.log.onCommitted()
      },
      leave: () => this.leave(group, member),
    }
  }

  private async leave(group: Group, member: Member): Promise<void> {
    member.leaving = true
    await this.rebalance(group)
  }

  private rebalance(group: Group): Promise<void> {
    group.rebalancing = group.rebalancing.then(nextTurn).then(() => this.settle(group))
    return group.rebalancing
  }

  private async settle(group: Group): Promise<void> {
    const staying = [...group.members.values()].filter((member) => !member.leaving)
    const numbers = Math.max(
      0,
      ...staying.flatMap((member) => member.options.topics.map((t) => this.log.partitionsOf(t))),
    )
    const assigned = assignPartitionNumbers(
      staying.map((member) => ({ memberId: member.id, held: member.held })),
      numbers,
    )
    await Promise.all([...group.members.values()].map((member) => this.revoke(member, assigned.get(member.id) ?? [])))
    for (const member of group.members.values()) if (member.leaving) group.members.delete(member.id)
    await Promise.all(staying.map((member) => this.assign(member, assigned.get(member.id)!)))
  }

  private async revoke(member: Member, keep: readonly number[]): Promise<void> {
    const lost = [...member.held].filter((number) => !keep.includes(number))
    if (lost.length === 0) return
    const partitions = this.partitionsOf(member, lost)
    await settled(member.options.onRevoked(partitions))
    for (const number of lost) member.held.delete(number)
    const reason = new FreshetError('stopped', `member ${member.id} no longer owns the partition: stop reading it`)
    for (const partition of partitions) {
      for (const reader of [...(member.readers.get(keyOf(partition)) ?? [])]) reader.stop(reason)
      member.readers.delete(keyOf(partition))
    }
  }

  private async assign(member: Member, numbers: readonly number[]): Promise<void> {
    const gained = numbers.filter((number) => !member.held.has(number))
    if (gained.length === 0) return
    for (const number of gained) member.held.add(number)
    await settled(member.options.onAssigned(this.partitionsOf(member, gained)))
  }

  private partitionsOf(member: Member, numbers: readonly number[]): TopicPartition[] {
    const partitions: TopicPartition[] = []
    for (const topic of member.options.topics) {
      const count = this.log.partitionsOf(topic)
      for (const number of numbers) if (number < count) partitions.push({ topic, partition: number as Partition })
    }
    return partitions
  }

  private checkHeld(member: Member, { topic, partition }: TopicPartition): void {
    if (member.held.has(partition) && member.options.topics.includes(topic)) return
    throw new FreshetError('stopped', `member ${member.id} does not own ${topic}/${partition}: wait for onAssigned`, {
      details: { topic, partition, memberId: member.id },
    })
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** A member whose callback fails must not hold up the others; its owner sees the failure where it stops reading. */
async function settled(callback: Promise<void>): Promise<void> {
  await callback.catch(() => {})
}
