// What every driver of the log does for consumer groups.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type GroupMember, type Log, offsetOf, partitionOf, type TopicPartition } from './log.ts'
import { freshGroup, freshTopic, patienceMs, recordOf, textOf, type WithLog } from './log-suite-fixtures.ts'

/** A member that notes what it owns, and lets a test wait for that. */
class Probe {
  readonly owned = new Set<string>()
  readonly story: string[]
  member!: GroupMember
  joined = false
  private watchers: (() => void)[] = []
  private readonly name: string

  constructor(name: string, story: string[] = []) {
    this.name = name
    this.story = story
  }

  async join(log: Log, group: string, topics: string[], onRevoke: (probe: Probe) => Promise<void> = async () => {}) {
    this.member = await log.joinGroup({
      group,
      topics,
      onAssigned: async (partitions) => {
        assert.ok(this.joined, 'joinGroup resolves before the first onAssigned')
        for (const name of namesOf(partitions)) {
          this.owned.add(name)
          this.story.push(`${this.name} +${name}`)
        }
        this.changed()
      },
      onRevoked: async (partitions) => {
        await onRevoke(this)
        for (const name of namesOf(partitions)) {
          this.owned.delete(name)
          this.story.push(`${this.name} -${name}`)
        }
        this.changed()
      },
    })
    this.joined = true
    return this
  }

  changed(): void {
    for (const watcher of this.watchers.splice(0)) watcher()
  }

  nextChange(): Promise<void> {
    return new Promise((resolve) => this.watchers.push(resolve))
  }
}

const namesOf = (partitions: readonly TopicPartition[]) =>
  partitions.map(({ topic, partition }) => `${topic}/${partition}`).sort()

async function until(probes: readonly Probe[], holds: () => boolean): Promise<void> {
  while (!holds()) await Promise.race(probes.map((probe) => probe.nextChange()))
}

const count = (probes: readonly Probe[]) => probes.reduce((sum, probe) => sum + probe.owned.size, 0)

export function describeLogGroups(withLog: WithLog): void {
  it(
    'gives all partitions to a group of one, and records its commits',
    withLog(async (under) => {
      const [left, right, group] = [freshTopic({ partitions: 3 }), freshTopic({ partitions: 3 }), freshGroup()]
      for (const topic of [left, right]) await under.log.ensureTopic(topic)
      const partition = partitionOf(1)
      await under.log.append(
        left.name,
        ['a', 'b', 'c'].map((text) => recordOf(text, { partition })),
      )
      const probe = await new Probe('one').join(under.log, group, [left.name, right.name])
      await until([probe], () => probe.owned.size === 6)
      const reader = await probe.member.openReader({ topic: left.name, partition, from: offsetOf(1) })
      const got: string[] = []
      while (got.length < 2) got.push(...(await reader.next({ recordsMax: 5, waitMsMax: patienceMs })).map(textOf))
      assert.deepEqual(got, ['b', 'c'])
      const waiting = reader.next({ recordsMax: 5, waitMsMax: patienceMs })
      await under.log.append(left.name, [recordOf('d', { partition })])
      assert.deepEqual((await waiting).map(textOf), ['d'])
      await probe.member.commit({ topic: left.name, partition }, offsetOf(2))
      await probe.member.commit({ topic: left.name, partition }, offsetOf(3))
      await probe.member.leave()
      assert.ok((await under.log.groups()).includes(group))
      assert.deepEqual(await under.log.committed(group, left.name), new Map([[partition, 3]]))
      assert.deepEqual(await under.log.committed(group, right.name), new Map())
      await under.reopen()
      assert.deepEqual(await under.log.committed(group, left.name), new Map([[partition, 3]]))
      const { latest } = await under.log.bounds({ topic: left.name, partition })
      assert.equal(latest - (await under.log.committed(group, left.name)).get(partition)!, 1, 'the lag')
    }),
  )

  it(
    'shares partitions, equal numbers together, and each with one member at a time',
    withLog(async ({ log }) => {
      const [wide, narrow, group] = [freshTopic({ partitions: 4 }), freshTopic({ partitions: 2 }), freshGroup()]
      for (const topic of [wide, narrow]) await log.ensureTopic(topic)
      const topics = [wide.name, narrow.name]
      const story: string[] = []
      const one = await new Probe('one', story).join(log, group, topics)
      await until([one], () => one.owned.size === 6)
      const two = await new Probe('two', story).join(log, group, topics)
      const both = [one, two]
      await until(both, () => count(both) === 6 && two.owned.size > 0)
      for (const probe of both) {
        const wideNumbers = [...probe.owned]
          .filter((name) => name.startsWith(wide.name))
          .map((name) => name.split('/')[1])
        assert.equal(wideNumbers.length, 2, 'loads are equal')
        for (const number of ['0', '1']) {
          assert.equal(
            probe.owned.has(`${narrow.name}/${number}`),
            wideNumbers.includes(number),
            'numbers stay together',
          )
        }
      }
      await two.member.leave()
      await until(both, () => one.owned.size === 6)
      assert.equal(two.owned.size, 0)
      const ownerByName = new Map<string, string>()
      for (const line of story) {
        const [who, what] = line.split(' ') as [string, string]
        const name = what.slice(1)
        if (what.startsWith('+')) {
          assert.equal(ownerByName.get(name), undefined, `${line} while another has it`)
          ownerByName.set(name, who)
        } else {
          assert.equal(ownerByName.get(name), who)
          ownerByName.delete(name)
        }
      }
      await one.member.leave()
    }),
  )

  it(
    'lets a member commit while it gives partitions up, and stops its readers after',
    withLog(async ({ log }) => {
      const [topic, group] = [freshTopic({ partitions: 2 }), freshGroup()]
      await log.ensureTopic(topic)
      await log.append(
        topic.name,
        [0, 1].map((number) => recordOf('a', { partition: partitionOf(number) })),
      )
      const positions = [0, 1].map((number) => ({ topic: topic.name, partition: partitionOf(number) }))
      const one = await new Probe('one').join(log, group, [topic.name], async (probe) => {
        for (const position of positions) await probe.member.commit(position, offsetOf(1))
      })
      await until([one], () => one.owned.size === 2)
      const readers = []
      for (const position of positions) readers.push(await one.member.openReader({ ...position, from: offsetOf(1) }))
      const waiting = readers.map((reader) => reader.next({ recordsMax: 1, waitMsMax: patienceMs * 10 }))
      await one.member.leave()
      for (const records of await Promise.all(waiting)) assert.deepEqual(records, [])
      assert.deepEqual(
        await log.committed(group, topic.name),
        new Map(positions.map(({ partition }) => [partition, 1])),
      )
      await assert.rejects(one.member.commit(positions[0]!, offsetOf(9)), { code: 'stopped' })
      await assert.rejects(one.member.openReader({ ...positions[0]!, from: offsetOf(0) }), { code: 'stopped' })
      await assert.rejects(readers[0]!.next({ recordsMax: 1, waitMsMax: 0 }), { code: 'stopped' })
    }),
  )

  it(
    'refuses a group over a topic that is not there',
    withLog(async ({ log }) => {
      const options = { group: freshGroup(), topics: ['suite-nobody-made-this'] }
      const callbacks = { onAssigned: async () => {}, onRevoked: async () => {} }
      await assert.rejects(log.joinGroup({ ...options, ...callbacks }), { code: 'topic-unknown' })
    }),
  )
}
