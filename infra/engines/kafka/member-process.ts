// node member-process.ts BROKERS GROUP TOPIC SESSION_MS REVOKE_MS: a group member in a process of its own, for tests that
// kill or stop it. Prints what it is given and gives up, one JSON object a line; leaves the group at SIGTERM.
import { kafkaLog } from '../../../streams/log/kafka-log.ts'
import { type GroupMember, type Offset, offsetOf, type Partition, type Reader } from '../../../streams/log/log.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'

const [brokers = '', group = '', topic = '', sessionMs, revokeMs] = process.argv.slice(2)
const { timers } = systemRuntime
const log = await kafkaLog({
  brokers: brokers.split(','),
  runtime: systemRuntime,
  sessionTimeoutMs: Number(sessionMs),
})
// The one clock that all processes of a machine share and nobody sets.
const nowMs = () => Number(process.hrtime.bigint()) / 1e6
const say = (what: object) => process.stdout.write(`${JSON.stringify({ ...what, atMs: nowMs() })}\n`)
const readers = new Map<Partition, Reader>()
const joined = Promise.withResolvers<GroupMember>()

async function follow(partition: Partition): Promise<void> {
  const member = await joined.promise
  const from = (await log.committed(group, topic)).get(partition) ?? offsetOf(0)
  const reader = await member.openReader({ topic, partition, from })
  readers.set(partition, reader)
  for (let next: Offset = from; ; ) {
    const records = await reader.next({ recordsMax: 100, waitMsMax: 1_000 })
    const last = records.at(-1)
    if (!last) continue
    next = offsetOf(last.offset + 1)
    await member.commit({ topic, partition }, next)
  }
}

const member = await log.joinGroup({
  group,
  topics: [topic],
  async onAssigned(places) {
    say({ event: 'assigned', partitions: places.map(({ partition }) => partition) })
    // Ends with the reader, which is stopped when the partition goes.
    for (const { partition } of places) void follow(partition).catch(() => {})
  },
  async onRevoked(places) {
    await timers.sleep(Number(revokeMs))
    for (const { partition } of places) await readers.get(partition)?.close()
    say({ event: 'revoked', partitions: places.map(({ partition }) => partition) })
  },
})
joined.resolve(member)
say({ event: 'joined' })
process.once('SIGTERM', () => {
  void log.close().then(() => {
    say({ event: 'left' })
    process.exit(0)
  })
})
