// Offers a log over a channel, to a worker thread or to another process. What a client opened ends with its channel:
// readers are closed, memberships left.
import type { TopicSpec } from '../../schemas/topics.ts'
import { callsOver, Transferred } from './channel-calls.ts'
import type { GroupMember, Log, Offset, Reader, ReadPosition, TopicPartition } from './log.ts'
import type { LogChannel } from './log-channel.ts'
import { packLogRecords, packOutcomes, unpackNewRecords } from './packed-records.ts'

export interface ServedLog {
  /** Ends this client's readers and memberships, then the channel. The log stays open. */
  close(): Promise<void>
}

/** The ways a client may ask; remoteLog is the other side. */
export function serveLog(log: Log, channel: LogChannel): ServedLog {
  const readers = new Map<number, Reader>()
  const members = new Map<number, GroupMember>()
  let ids = 0

  function keep(reader: Reader): { reader: number; position: Offset } {
    const id = ids++
    readers.set(id, reader)
    return { reader: id, position: reader.position }
  }
  async function endAll(): Promise<void> {
    const leaving = [...members.values()].map((member) => member.leave())
    members.clear()
    await Promise.allSettled(leaving)
    const closing = [...readers.values()].map((reader) => reader.close())
    readers.clear()
    await Promise.allSettled(closing)
  }

  const calls = callsOver(
    channel,
    {
      ensureTopic: (spec: TopicSpec) => log.ensureTopic(spec),
      topics: () => log.topics(),
      async append({ topic, records }: { topic: string; records: Uint8Array }) {
        const outcomes = packOutcomes(await log.append(topic, unpackNewRecords(records)))
        return new Transferred(outcomes, [outcomes.buffer])
      },
      bounds: (position: TopicPartition) => log.bounds(position),
      offsetAt: ({ position, timestampMs }: { position: TopicPartition; timestampMs: number }) =>
        log.offsetAt(position, timestampMs),
      groups: () => log.groups(),
      committed: async ({ group, topic }: { group: string; topic: string }) => [...(await log.committed(group, topic))],
      async openReader({ position, member }: { position: ReadPosition; member?: number }) {
        const reader = await (member === undefined ? log : members.get(member)!).openReader(position)
        return keep(reader)
      },
      async next({ reader: id, recordsMax, waitMsMax }: { reader: number; recordsMax: number; waitMsMax: number }) {
        const reader = readers.get(id)!
        const records = packLogRecords(await reader.next({ recordsMax, waitMsMax }))
        return new Transferred({ records, position: reader.position }, [records.buffer])
      },
      async closeReader(id: number) {
        const reader = readers.get(id)
        readers.delete(id)
        await reader?.close()
      },
      async joinGroup({ group, topics }: { group: string; topics: string[] }) {
        const id = ids++
        const member = await log.joinGroup({
          group,
          topics,
          onAssigned: (partitions) => calls.call('assigned', { member: id, partitions }),
          onRevoked: (partitions) => calls.call('revoked', { member: id, partitions }),
        })
        members.set(id, member)
        if (calls.gone) await member.leave()
        return { member: id, memberId: member.memberId }
      },
      commit: ({ member, position, next }: { member: number; position: TopicPartition; next: Offset }) =>
        members.get(member)!.commit(position, next),
      leave: (member: number) => members.get(member)!.leave(),
      end: endAll,
    },
    () => void endAll(),
  )
  return {
    async close() {
      await endAll()
      calls.close()
    },
  }
}
