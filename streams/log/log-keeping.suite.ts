// What every driver of the log keeps: event ids, topics, limits, and what retention and compaction leave.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { offsetOf, type Partition, partitionOf } from './log.ts'
import {
  freshTopic,
  type LogDriver,
  patienceMs,
  readCount,
  recordOf,
  textOf,
  type WithLog,
} from './log-suite-fixtures.ts'

export function describeLogKeeping(driver: LogDriver, withLog: WithLog): void {
  describeRepeats(withLog)
  describeTopics(withLog)
  describeLimits(driver, withLog)
  describeMaintenance(withLog)
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
