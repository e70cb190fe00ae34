// What every driver of the log does. A driver says only how it is made and opened again; where it cannot be asked to do
// something at once, such as retention, it says so and the run shows it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TopicSpec } from '../../schemas/topics.ts'
import { type Log, type LogRecord, type NewRecord, offsetOf, type Partition, partitionOf } from './log.ts'
import { describeLogGroups } from './log-groups.suite.ts'
import { partitionForKey } from './murmur2.ts'

export interface LogUnderTest {
  log: Log
  /** Closes the log, if that was not done, and opens it again with what it kept; `log` is then the new one. */
  reopen(): Promise<void>
  /** Closes and removes all of it. */
  dispose(): Promise<void>
  /** Retention and compaction on demand, or why they cannot be asked for. */
  readonly maintenance:
    | { readonly kind: 'on-demand'; advanceClock(ms: number): void; run(): Promise<void> }
    | { readonly kind: 'by-itself'; readonly reason: string }
}

export interface LogDriver {
  readonly name: string
  make(): Promise<LogUnderTest>
  /** Limits the driver was made with; both small enough to reach in a test. */
  readonly recordBytesMax: number
  readonly inFlightBytesMax: number
}

/** Longer than any driver needs; a test that reaches it has failed. */
export const patienceMs = 30_000

let names = 0
const run = `${process.pid}-${Date.now().toString(36)}`

/** A topic nobody else uses, on servers that outlive a run too. */
export function freshTopic(overrides: Partial<TopicSpec> = {}): TopicSpec {
  const name = `suite-${run}-${names++}`
  return { name, partitions: 1, retentionMs: null, compacted: false, idempotenceMs: null, ...overrides }
}

export const freshGroup = (): string => `group-${run}-${names++}`

export function recordOf(text: string, overrides: Partial<NewRecord> = {}): NewRecord {
  return { key: null, value: Buffer.from(text), timestampMs: 1_700_000_000_000, ...overrides }
}

/** Reads until `count` records are there; fails when the log says for too long that there are no more. */
export async function readCount(log: Log, topic: string, count: number, from = 0, partition = 0): Promise<LogRecord[]> {
  const reader = await log.openReader({ topic, partition: partitionOf(partition), from: offsetOf(from) })
  const records: LogRecord[] = []
  while (records.length < count) {
    const more = await reader.next({ recordsMax: count - records.length, waitMsMax: patienceMs })
    assert.ok(more.length > 0, `${topic}/${partition} gave ${records.length} of ${count} records`)
    records.push(...more)
  }
  await reader.close()
  return records
}

export const textOf = (record: LogRecord): string => Buffer.from(record.value!).toString()

type Body = (under: LogUnderTest) => Promise<void>

export function describeLog(driver: LogDriver): void {
  const withLog = (body: Body) => async () => {
    const under = await driver.make()
    try {
      await body(under)
    } finally {
      await under.dispose()
    }
  }
  describe(`log: ${driver.name}`, () => {
    describeAppends(withLog)
    describeReads(withLog)
    describeRepeats(withLog)
    describeTopics(withLog)
    describeLimits(driver, withLog)
    describeMaintenance(withLog)
    describeLogGroups(withLog)
  })
}

export type WithLog = (body: Body) => () => Promise<void>

function describeAppends(withLog: WithLog): void {
  it(
    'gives records dense offsets in the order of the calls',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      const calls = Array.from({ length: 20 }, (_, call) =>
        log.append(
          topic.name,
          Array.from({ length: 1 + (call % 4) }, (_, index) => recordOf(`${call}.${index}`)),
        ),
      )
      const outcomes = (await Promise.all(calls)).flat()
      assert.deepEqual(
        outcomes.map((outcome) => outcome.offset),
        outcomes.map((_, index) => index),
      )
      assert.ok(outcomes.every((outcome) => outcome.status === 'appended' && outcome.partition === 0))
      const records = await readCount(log, topic.name, outcomes.length)
      const expected = calls.flatMap((_, call) =>
        Array.from({ length: 1 + (call % 4) }, (_, index) => `${call}.${index}`),
      )
      assert.deepEqual(records.map(textOf), expected)
      const position = { topic: topic.name, partition: partitionOf(0) }
      assert.deepEqual(await log.bounds(position), { earliest: 0, latest: outcomes.length })
    }),
  )

  it(
    'sends a key where the Java client sends it, and others where they ask',
    withLog(async ({ log }) => {
      const topic = freshTopic({ partitions: 7 })
      await log.ensureTopic(topic)
      const keys = ['21', 'foobar', 'a-little-bit-long-string', 'ключ', '']
      const records = [
        ...keys.map((key) => recordOf(key, { key })),
        recordOf('null'),
        recordOf('asked', { key: '21', partition: partitionOf(6) }),
      ]
      const outcomes = await log.append(topic.name, records)
      assert.deepEqual(
        outcomes.map((outcome) => outcome.partition),
        [...keys.map((key) => partitionForKey(key, 7)), 0, 6],
      )
      const last = await readCount(log, topic.name, 1, outcomes[6]!.offset, 6)
      assert.deepEqual(last.map(textOf), ['asked'])
    }),
  )

  it(
    'takes no records at once',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      assert.deepEqual(await log.append(topic.name, []), [])
    }),
  )
}

function describeReads(withLog: WithLog): void {
  it(
    'returns every field of a record',
    withLog(async ({ log }) => {
      const topic = freshTopic({ partitions: 2, compacted: true })
      await log.ensureTopic(topic)
      const partition = partitionOf(1)
      const all: NewRecord[] = [
        { key: 'user-1', value: Buffer.from([0, 1, 255]), timestampMs: 1_700_000_000_123, partition },
        { key: 'ключ-✓', value: new Uint8Array(), timestampMs: 1_700_000_000_000, partition, eventId: 'e-1' },
        {
          key: 'gone',
          value: null,
          timestampMs: 1_700_000_000_001,
          partition,
          source: { offset: offsetOf(2 ** 40), ordinal: 3 },
        },
        {
          key: 'x'.repeat(300),
          value: Buffer.alloc(100_000, 7),
          timestampMs: 1,
          partition,
          eventId: 'e-2',
          source: { offset: offsetOf(0), ordinal: 0 },
        },
      ]
      await log.append(topic.name, all)
      const read = await readCount(log, topic.name, all.length, 0, 1)
      for (const [index, record] of read.entries()) {
        const value = record.value && Buffer.from(record.value)
        const want = all[index]!.value && Buffer.from(all[index]!.value!)
        assert.deepEqual({ ...record, value }, { ...all[index], value: want, topic: topic.name, offset: index })
      }
    }),
  )

  it(
    'reads from any position, in any step',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      const texts = Array.from({ length: 60 }, (_, index) => `record ${index}`)
      for (let at = 0; at < 60; at += 12)
        await log.append(
          topic.name,
          texts.slice(at, at + 12).map((text) => recordOf(text)),
        )
      for (const from of [0, 1, 11, 12, 13, 47, 59]) {
        const reader = await log.openReader({ topic: topic.name, partition: partitionOf(0), from: offsetOf(from) })
        assert.equal(reader.position, from)
        const got: LogRecord[] = []
        while (got.length < 60 - from)
          got.push(...(await reader.next({ recordsMax: 1 + (got.length % 5), waitMsMax: patienceMs })))
        assert.deepEqual(got.map(textOf), texts.slice(from))
        assert.deepEqual(
          got.map((record) => record.offset),
          texts.slice(from).map((_, index) => from + index),
        )
        assert.equal(reader.position, 60)
        await reader.close()
      }
    }),
  )

  it(
    'never returns more than asked, and nothing at the end',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      const reader = await log.openReader({ topic: topic.name, partition: partitionOf(0), from: offsetOf(0) })
      assert.deepEqual(await reader.next({ recordsMax: 10, waitMsMax: 0 }), [])
      assert.deepEqual(await reader.next({ recordsMax: 10, waitMsMax: 5 }), [])
      await log.append(
        topic.name,
        ['a', 'b', 'c'].map((text) => recordOf(text)),
      )
      const two = await reader.next({ recordsMax: 2, waitMsMax: patienceMs })
      assert.ok(two.length > 0 && two.length <= 2)
      await reader.close()
    }),
  )

  it(
    'wakes every waiting reader when a record comes',
    withLog(async ({ log }) => {
      const topic = freshTopic({ partitions: 2 })
      await log.ensureTopic(topic)
      const position = { topic: topic.name, partition: partitionOf(1), from: offsetOf(0) }
      const readers = await Promise.all([log.openReader(position), log.openReader(position)])
      const waiting = readers.map((reader) => reader.next({ recordsMax: 5, waitMsMax: patienceMs }))
      await log.append(topic.name, [recordOf('elsewhere', { partition: partitionOf(0) })])
      await log.append(topic.name, [recordOf('here', { partition: partitionOf(1) })])
      for (const records of await Promise.all(waiting)) assert.deepEqual(records.map(textOf), ['here'])
      await Promise.all(readers.map((reader) => reader.close()))
    }),
  )

  it(
    'refuses a position past the end',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      await log.append(topic.name, [recordOf('a')])
      const at = (from: number) =>
        log.openReader({ topic: topic.name, partition: partitionOf(0), from: offsetOf(from) })
      await (await at(1)).close()
      await assert.rejects(at(2), { code: 'log-position-out-of-range' })
    }),
  )

  it(
    'finds offsets by time, also where times are not in order',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      const times = [1000, 3000, 2000, 5000, 4000, 6000]
      for (const timestampMs of times) await log.append(topic.name, [recordOf('t', { timestampMs })])
      const position = { topic: topic.name, partition: partitionOf(0) }
      for (const timeMs of [0, 1000, 1001, 3000, 3001, 5000, 5500, 6000, 6001]) {
        const first = times.findIndex((timestampMs) => timestampMs >= timeMs)
        assert.equal(await log.offsetAt(position, timeMs), first < 0 ? times.length : first, `at ${timeMs}`)
      }
    }),
  )

  it(
    'ends a waiting read when its reader or the log is closed',
    withLog(async (under) => {
      const topic = freshTopic()
      await under.log.ensureTopic(topic)
      const position = { topic: topic.name, partition: partitionOf(0), from: offsetOf(0) }
      const [one, two] = [await under.log.openReader(position), await under.log.openReader(position)]
      const options = { recordsMax: 1, waitMsMax: patienceMs * 10 }
      const waitingOne = one.next(options)
      await one.close()
      assert.deepEqual(await waitingOne, [])
      await assert.rejects(one.next(options), { code: 'log-closed' })
      const waitingTwo = two.next(options)
      await under.log.close()
      assert.deepEqual(await waitingTwo, [])
      await assert.rejects(two.next(options), { code: 'log-closed' })
      await assert.rejects(under.log.append(topic.name, [recordOf('late')]), { code: 'log-closed' })
      await under.log.close()
    }),
  )

  it(
    'keeps records, and their order, when it is opened again',
    withLog(async (under) => {
      const topic = freshTopic({ partitions: 2 })
      await under.log.ensureTopic(topic)
      const append = (text: string) => under.log.append(topic.name, [recordOf(text, { partition: partitionOf(1) })])
      for (const text of ['a', 'b', 'c']) await append(text)
      await under.reopen()
      await append('d')
      assert.deepEqual((await readCount(under.log, topic.name, 4, 0, 1)).map(textOf), ['a', 'b', 'c', 'd'])
    }),
  )
}

function describeRepeats(withLog: WithLog): void {
  const spec = () => freshTopic({ partitions: 2, idempotenceMs: 3_600_000 })
  const event = (eventId: string, partition = 0) =>
    recordOf(`event ${eventId}`, { eventId, partition: partition as Partition })

  it(
    'lets an event id take effect once',
    withLog(async ({ log }) => {
      const topic = spec()
      await log.ensureTopic(topic)
      const first = await log.append(topic.name, [
        event('a'),
        event('b'),
        event('a'),
        recordOf('no id', { partition: partitionOf(0) }),
      ])
      assert.deepEqual(
        first.map((outcome) => outcome.status),
        ['appended', 'appended', 'duplicate', 'appended'],
      )
      const repeats = await Promise.all([
        log.append(topic.name, [event('b'), event('c')]),
        log.append(topic.name, [event('c')]),
      ])
      assert.deepEqual(
        repeats.flat().map((outcome) => outcome.status),
        ['duplicate', 'appended', 'duplicate'],
      )
      for (const outcome of [first[2]!, repeats[0]![0]!, repeats[1]![0]!]) {
        assert.ok(outcome.offset === -1 || outcome.offset < 4)
      }
      await log.append(topic.name, [event('end')])
      const texts = (await readCount(log, topic.name, 5)).map(textOf)
      assert.deepEqual(texts, ['event a', 'event b', 'no id', 'event c', 'event end'])
    }),
  )

  it(
    'keeps ids apart by partition',
    withLog(async ({ log }) => {
      const topic = spec()
      await log.ensureTopic(topic)
      const outcomes = await log.append(topic.name, [event('a', 0), event('a', 1)])
      assert.deepEqual(
        outcomes.map((outcome) => outcome.status),
        ['appended', 'appended'],
      )
    }),
  )

  it(
    'remembers ids when it is opened again',
    withLog(async (under) => {
      const topic = spec()
      await under.log.ensureTopic(topic)
      const ids = Array.from({ length: 3000 }, (_, index) => `0190-${index}`)
      await under.log.append(
        topic.name,
        ids.map((id) => event(id)),
      )
      await under.reopen()
      const again = await under.log.append(topic.name, [...ids.map((id) => event(id)), event('new')])
      assert.deepEqual(
        again.map((outcome) => outcome.status),
        [...ids.map(() => 'duplicate'), 'appended'],
      )
      assert.equal((await under.log.bounds({ topic: topic.name, partition: partitionOf(0) })).latest, ids.length + 1)
    }),
  )
}

function describeTopics(withLog: WithLog): void {
  it(
    'creates a topic once, lists it, and refuses other partitions',
    withLog(async (under) => {
      const topic = freshTopic({ partitions: 3, retentionMs: 86_400_000, idempotenceMs: 60_000 })
      await Promise.all([under.log.ensureTopic(topic), under.log.ensureTopic(topic)])
      await under.log.ensureTopic(topic)
      await assert.rejects(under.log.ensureTopic({ ...topic, partitions: 4 }), { code: 'topic-mismatch' })
      await under.reopen()
      await under.log.ensureTopic(topic)
      const found = (await under.log.topics()).find(({ name }) => name === topic.name)
      assert.deepEqual(found, topic)
    }),
  )

  it(
    'names what it does not know',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      const position = { topic: 'suite-nobody-made-this', partition: partitionOf(0) }
      await assert.rejects(log.append(position.topic, [recordOf('a')]), { code: 'topic-unknown' })
      await assert.rejects(log.bounds(position), { code: 'topic-unknown' })
      await assert.rejects(log.openReader({ ...position, from: offsetOf(0) }), { code: 'topic-unknown' })
      await assert.rejects(log.bounds({ topic: topic.name, partition: partitionOf(1) }), { code: 'topic-mismatch' })
      await assert.rejects(log.append(topic.name, [recordOf('a', { partition: partitionOf(1) })]), {
        code: 'topic-mismatch',
      })
    }),
  )
}

function describeLimits(driver: LogDriver, withLog: WithLog): void {
  it(
    'refuses a record that is too large, and only that call',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      const large = { ...recordOf(''), value: new Uint8Array(driver.recordBytesMax + 1) }
      await assert.rejects(log.append(topic.name, [large]), { code: 'record-too-large' })
      await log.append(topic.name, [recordOf('small')])
      assert.deepEqual((await readCount(log, topic.name, 1)).map(textOf), ['small'])
    }),
  )

  it(
    'refuses what is too much at once as overloaded, and goes on after',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      const value = new Uint8Array(Math.floor(driver.inFlightBytesMax / 8))
      const calls = Array.from({ length: 24 }, () => log.append(topic.name, [{ ...recordOf(''), value }]))
      const results = await Promise.allSettled(calls)
      const taken = results.filter((result) => result.status === 'fulfilled').length
      for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'overloaded')
      assert.ok(taken > 0 && taken < calls.length, `${taken} of ${calls.length} calls were taken`)
      await log.append(topic.name, [recordOf('after')])
      assert.equal((await log.bounds({ topic: topic.name, partition: partitionOf(0) })).latest, taken + 1)
    }),
  )
}

function describeMaintenance(withLog: WithLog): void {
  it(
    'removes what is older than the retention',
    withLog(async ({ log, maintenance }) => {
      if (maintenance.kind === 'by-itself') return console.log(`# retention: ${maintenance.reason}`)
      const topic = freshTopic({ retentionMs: 60_000 })
      await log.ensureTopic(topic)
      await log.append(
        topic.name,
        ['a', 'b'].map((text) => recordOf(text)),
      )
      maintenance.advanceClock(30_000)
      await maintenance.run()
      await log.append(topic.name, [recordOf('c')])
      const position = { topic: topic.name, partition: partitionOf(0) }
      const late = await log.openReader({ ...position, from: offsetOf(0) })
      maintenance.advanceClock(40_000)
      await maintenance.run()
      assert.deepEqual(await log.bounds(position), { earliest: 2, latest: 3 })
      assert.deepEqual((await late.next({ recordsMax: 9, waitMsMax: patienceMs })).map(textOf), ['c'])
      await late.close()
      assert.deepEqual((await readCount(log, topic.name, 1)).map(textOf), ['c'])
      maintenance.advanceClock(100_000)
      await maintenance.run()
      assert.deepEqual(await log.bounds(position), { earliest: 3, latest: 3 })
      assert.equal((await log.append(topic.name, [recordOf('d')]))[0]!.offset, 3)
    }),
  )

  it(
    'keeps the newest record of a key in a compacted topic, under its offset',
    withLog(async (under) => {
      const { maintenance } = under
      if (maintenance.kind === 'by-itself') return console.log(`# compaction: ${maintenance.reason}`)
      const topic = freshTopic({ compacted: true })
      await under.log.ensureTopic(topic)
      const put = (key: string | null, text: string | null) =>
        under.log.append(topic.name, [{ ...recordOf(''), key, value: text === null ? null : Buffer.from(text) }])
      for (const [key, text] of [
        ['a', '0'],
        ['b', '1'],
        ['a', '2'],
        ['c', '3'],
        [null, '4'],
        ['b', null],
        ['a', '6'],
      ] as const) {
        await put(key, text)
      }
      const contents = async () => {
        const reader = await under.log.openReader({ topic: topic.name, partition: partitionOf(0), from: offsetOf(0) })
        const found: string[] = []
        while (reader.position < 7) {
          for (const record of await reader.next({ recordsMax: 2, waitMsMax: patienceMs })) {
            found.push(`${record.offset}:${record.key}=${record.value === null ? 'gone' : textOf(record)}`)
          }
        }
        await reader.close()
        return found
      }
      await maintenance.run()
      assert.deepEqual(await contents(), ['3:c=3', '4:null=4', '5:b=gone', '6:a=6'])
      await under.reopen()
      assert.deepEqual(await contents(), ['3:c=3', '4:null=4', '5:b=gone', '6:a=6'])
      maintenance.advanceClock(48 * 3_600_000)
      await maintenance.run()
      assert.deepEqual(await contents(), ['3:c=3', '4:null=4', '6:a=6'])
      assert.equal((await put('a', '7'))[0]!.offset, 7)
    }),
  )
}
