// What every driver of the log does. A driver says only how it is made and opened again; where it cannot be asked to do
// something at once, such as retention, it says so and the run shows it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type LogRecord, type NewRecord, offsetOf, partitionOf } from './log.ts'
import { describeLogGroups } from './log-groups.suite.ts'
import { describeLogKeeping } from './log-keeping.suite.ts'
import {
  freshTopic,
  type LogDriver,
  patienceMs,
  readCount,
  recordOf,
  textOf,
  type WithLog,
} from './log-suite-fixtures.ts'
import { partitionForKey } from './murmur2.ts'

export function describeLog(driver: LogDriver): void {
  const withLog: WithLog = (body) => async () => {
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
    describeLogKeeping(driver, withLog)
    describeLogGroups(withLog)
  })
}

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
    'gives what was there before the reader also to who does not wait',
    withLog(async ({ log }) => {
      const topic = freshTopic()
      await log.ensureTopic(topic)
      const texts = Array.from({ length: 300 }, (_, index) => `${index}`)
      await log.append(
        topic.name,
        texts.map((text) => recordOf(text)),
      )
      const reader = await log.openReader({ topic: topic.name, partition: partitionOf(0), from: offsetOf(100) })
      const got: LogRecord[] = []
      for (;;) {
        const more = await reader.next({ recordsMax: 64, waitMsMax: 0 })
        if (more.length === 0) break
        got.push(...more)
      }
      assert.deepEqual(got.map(textOf), texts.slice(100))
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
