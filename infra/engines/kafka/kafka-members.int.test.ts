// Members of a group in processes of their own: they come and go under load, one is killed, one stands still for longer than
// its session. Who owns what follows the group's rules, and every record's partition has an owner again.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { kafkaLog } from '../../../streams/log/kafka-log.ts'
import { type Log, partitionOf } from '../../../streams/log/log.ts'
import { freshGroup, freshTopic, recordOf } from '../../../streams/log/log-suite-fixtures.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { type RunningKafka, startKafka } from './start-kafka.ts'

const directory = mkdtempSync(join(tmpdir(), 'freshet-kafka-members-'))
const partitions = 8
const sessionMs = 3_000
const revokeMs = 200
const script = fileURLToPath(new URL('./member-process.ts', import.meta.url))

interface Event {
  readonly event: 'joined' | 'assigned' | 'revoked' | 'left'
  readonly partitions?: number[]
  /** Of a clock that all processes of the machine share. */
  readonly atMs: number
}

/** A member process, as it says what it owns. */
class Member {
  readonly events: Event[] = []
  readonly owned = new Set<number>()
  readonly child: ChildProcess
  readonly gone: Promise<void>

  constructor(args: string[], changed: () => void) {
    this.child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.gone = new Promise((resolve) => this.child.once('close', () => resolve()))
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as Event
      this.events.push(event)
      for (const partition of event.partitions ?? []) {
        if (event.event === 'assigned') this.owned.add(partition)
        else this.owned.delete(partition)
      }
      changed()
    })
  }
}

async function startOrSay(): Promise<RunningKafka | null> {
  try {
    return await startKafka({ directory })
  } catch (error) {
    if ((error as { code?: string }).code !== 'engine-missing' || process.env.CI) throw error
    it('members of a group', { skip: (error as Error).message }, () => {})
    return null
  }
}

const started = await startOrSay()
if (started) testOn(started)

function testOn(kafka: RunningKafka): void {
  const members: Member[] = []
  let watchers: (() => void)[] = []
  after(async () => {
    for (const { child } of members) child.kill('SIGKILL')
    await kafka.kill()
    rmSync(directory, { recursive: true, force: true })
  })

  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => watchers.push(resolve))
  }
  function spawnMember(group: string, topic: string): Member {
    const args = [kafka.brokers.join(','), group, topic, String(sessionMs), String(revokeMs)]
    const member = new Member(args, () => {
      const waiting = watchers
      watchers = []
      for (const watcher of waiting) watcher()
    })
    members.push(member)
    return member
  }
  /** Each partition has one owner, and loads are equal. */
  const shared = (owners: readonly Member[]) => {
    const all = owners.flatMap(({ owned }) => [...owned])
    const loads = owners.map(({ owned }) => owned.size)
    return new Set(all).size === partitions && all.length === partitions && Math.max(...loads) - Math.min(...loads) <= 1
  }

  async function withLoad(body: (topic: string, group: string, log: Log) => Promise<void>): Promise<void> {
    const log = await kafkaLog({ brokers: kafka.brokers, runtime: systemRuntime })
    const topic = freshTopic({ partitions })
    await log.ensureTopic(topic)
    const ends = new Array<number>(partitions).fill(0)
    let isOver = false
    const loading = (async () => {
      while (!isOver) {
        const records = ends.map((_, number) => recordOf('load', { partition: partitionOf(number) }))
        for (const { partition, offset } of await log.append(topic.name, records)) ends[partition] = offset + 1
        await systemRuntime.timers.sleep(20)
      }
    })()
    const group = freshGroup()
    await body(topic.name, group, log)
    isOver = true
    await loading
    // Whoever owns a partition now reads it to its end.
    const caughtUp = async () => {
      const committed = await log.committed(group, topic.name)
      return ends.every((end, number) => committed.get(partitionOf(number)) === end)
    }
    while (!(await caughtUp())) await systemRuntime.timers.sleep(100)
    await log.close()
  }

  it('moves partitions in order while a group grows from 1 to 4 members and shrinks again', async () => {
    await withLoad(async (topic, group) => {
      const own: Member[] = []
      for (const size of [1, 2, 4]) {
        while (own.length < size) own.push(spawnMember(group, topic))
        await until(() => shared(own))
      }
      for (const member of own.slice(1)) {
        member.child.kill('SIGTERM')
        await member.gone
        assert.equal(member.events.at(-1)!.event, 'left')
        assert.equal(member.owned.size, 0)
      }
      await until(() => shared([own[0]!]))
      const story = own
        .flatMap((member) => member.events.map((event) => ({ ...event, member })))
        .sort((one, other) => one.atMs - other.atMs)
      const ownerByPartition = new Map<number, Member>()
      for (const { event, partitions: numbers = [], member } of story) {
        for (const number of numbers) {
          const owner = ownerByPartition.get(number)
          if (event === 'assigned') assert.ok(owner === undefined, `${number} is given while another has it`)
          else assert.ok(owner === member)
          if (event === 'assigned') ownerByPartition.set(number, member)
          else ownerByPartition.delete(number)
        }
      }
    })
    for (const { child } of members) child.kill('SIGKILL')
  })

  it('gives the partitions of a killed member to the others', async (context) => {
    await withLoad(async (topic, group) => {
      const [first, second, third] = [1, 2, 3].map(() => spawnMember(group, topic)) as [Member, Member, Member]
      await until(() => shared([first, second, third]))
      const startMs = systemRuntime.clock.monotonicMs()
      second.child.kill('SIGKILL')
      second.owned.clear()
      await until(() => shared([first, third]))
      context.diagnostic(
        `${Math.round(systemRuntime.clock.monotonicMs() - startMs)} ms with sessions of ${sessionMs} ms`,
      )
    })
    for (const { child } of members) child.kill('SIGKILL')
  })

  it('tells a member that stood still that it lost its partitions, and takes it back', async (context) => {
    await withLoad(async (topic, group) => {
      const [first, second] = [1, 2].map(() => spawnMember(group, topic)) as [Member, Member]
      await until(() => shared([first, second]))
      const had = [...second.owned].sort()
      const before = second.events.length
      const startMs = systemRuntime.clock.monotonicMs()
      second.child.kill('SIGSTOP')
      await until(() => first.owned.size === partitions)
      context.diagnostic(
        `${Math.round(systemRuntime.clock.monotonicMs() - startMs)} ms with sessions of ${sessionMs} ms`,
      )
      assert.equal(second.events.length, before)
      second.child.kill('SIGCONT')
      await until(() => second.events.length > before + 1 && shared([first, second]))
      const [lost, regained] = second.events.slice(before)
      assert.deepEqual([lost!.event, lost!.partitions!.toSorted()], ['revoked', had])
      assert.equal(regained!.event, 'assigned')
    })
    for (const { child } of members) child.kill('SIGKILL')
  })
}
