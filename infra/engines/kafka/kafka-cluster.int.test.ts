// Three brokers, one after the other killed and started again under appends and a group of readers: every acknowledged
// record is read, in order, once after repeats were dropped by their source as consumers do.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import kafkajs from 'kafkajs'
import { kafkaLog } from '../../../streams/log/kafka-log.ts'
import {
  type GroupMember,
  type Log,
  type LogRecord,
  offsetOf,
  type Partition,
  partitionOf,
  type SourcePosition,
} from '../../../streams/log/log.ts'
import { freshGroup, freshTopic, recordOf } from '../../../streams/log/log-suite-fixtures.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { type RunningKafkaCluster, startKafkaCluster } from './start-kafka-cluster.ts'

const directory = mkdtempSync(join(tmpdir(), 'freshet-kafka-cluster-'))
const partitions = 8
const recordBytes = 2_000
/** Appended to each partition between two faults, so that each fault meets a stream in motion. */
const stretch = 40
const memoryBytesMax = 256 * 1024 * 1024

async function startOrSay(): Promise<RunningKafkaCluster | null> {
  try {
    return await startKafkaCluster({ directory })
  } catch (error) {
    if ((error as { code?: string }).code !== 'engine-missing' || process.env.CI) throw error
    it('the log on three brokers', { skip: (error as Error).message }, () => {})
    return null
  }
}

/** Lets a test wait for a condition that some callback changes. */
class Progress {
  private watchers: (() => void)[] = []

  changed(): void {
    for (const watcher of this.watchers.splice(0)) watcher()
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.watchers.push(resolve))
  }
}

/** Appends numbered records to a partition, each under its source, again and again until it is acknowledged. */
async function write(log: Log, topic: string, partition: Partition, acknowledged: number[], state: Writing) {
  for (let next = 0; !state.isOver; ) {
    const records = Array.from({ length: 1 + (next % 3) }, (_, index) => {
      const source = { offset: offsetOf(next + index), ordinal: 0 }
      const value = Buffer.alloc(recordBytes, next + index)
      return recordOf('', { partition, key: `${next + index}`, value, source })
    })
    try {
      const outcomes = await log.append(topic, records)
      acknowledged[partition] = next + records.length
      next += records.length
      assert.ok(outcomes.every((outcome, index) => outcome.offset === outcomes[0]!.offset + index))
    } catch (error) {
      assert.equal((error as { retryable?: boolean }).retryable, true, String(error))
    }
    state.progress.changed()
    await systemRuntime.timers.sleep(5)
  }
}

interface Writing {
  isOver: boolean
  readonly progress: Progress
}

/** What a consumer keeps with its state: where it goes on, and the newest source it took. */
interface Taken {
  next: number
  newest: SourcePosition | null
  readonly numbers: number[]
  repeats: number
}

/** A group member that reads what it owns into `taken`, and commits. */
async function consume(log: Log, group: string, topic: string, taken: Taken[], progress: Progress) {
  const running = new Map<Partition, { stop: AbortController; done: Promise<void> }>()
  const joined = Promise.withResolvers<GroupMember>()
  async function follow(partition: Partition, signal: AbortSignal): Promise<void> {
    const member = await joined.promise
    const own = taken[partition]!
    const reader = await retried(() => member.openReader({ topic, partition, from: offsetOf(own.next) }))
    const close = () => void reader.close()
    signal.addEventListener('abort', close, { once: true })
    while (!signal.aborted) {
      const records = await reader.next({ recordsMax: 100, waitMsMax: 500 }).catch((error) => {
        if (signal.aborted || error.retryable) return [] as LogRecord[]
        throw error
      })
      for (const record of records) take(own, record)
      if (records.length > 0) progress.changed()
      if (records.length > 0) void member.commit({ topic, partition }, offsetOf(own.next)).catch(() => {})
    }
  }
  const member = await log.joinGroup({
    group,
    topics: [topic],
    onAssigned: async (places) => {
      for (const { partition } of places) {
        const stop = new AbortController()
        running.set(partition, { stop, done: follow(partition, stop.signal) })
      }
    },
    onRevoked: async (places) => {
      for (const { partition } of places) {
        const { stop, done } = running.get(partition)!
        stop.abort()
        await done
        running.delete(partition)
      }
    },
  })
  joined.resolve(member)
  return { member, owned: () => [...running.keys()] }
}

function take(own: Taken, record: LogRecord): void {
  assert.ok(record.offset >= own.next, 'offsets go up')
  own.next = record.offset + 1
  const { offset } = record.source!
  if (own.newest !== null && offset <= own.newest.offset) {
    own.repeats++
    return
  }
  assert.equal(record.value!.byteLength, recordBytes)
  own.newest = record.source!
  own.numbers.push(Number(record.key))
}

async function retried<Result>(work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error as { retryable?: boolean }).retryable || (error as { code?: string }).code === 'stopped') throw error
      await systemRuntime.timers.sleep(100)
    }
  }
}

/** Resolves when every replica of the topic is in sync. */
async function allInSync(brokers: string[], topic: string): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  for (;;) {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    if (topics[0]!.partitions.every(({ isr }) => isr.length === brokers.length)) break
    await systemRuntime.timers.sleep(100)
  }
  await admin.disconnect()
}

const cluster = await startOrSay()
if (cluster) testOn(cluster)

function testOn(kafka: RunningKafkaCluster): void {
  after(async () => {
    for (let index = 0; index < kafka.brokers.length; index++) await kafka.kill(index)
    rmSync(directory, { recursive: true, force: true })
  })

  it('loses and doubles nothing while each broker in turn is killed', async () => {
    const open = (clientId: string) =>
      kafkaLog({
        brokers: kafka.brokers,
        runtime: systemRuntime,
        clientId,
        replicationFactor: 3,
        sessionTimeoutMs: 6_000,
      })
    const logs = [await open('writer'), await open('left'), await open('right')]
    const [writer, left, right] = logs as [Log, Log, Log]
    const topic = freshTopic({ partitions })
    await writer.ensureTopic(topic)
    const numbers = Array.from({ length: partitions }, (_, number) => partitionOf(number))
    const taken: Taken[] = numbers.map(() => ({ next: 0, newest: null, numbers: [], repeats: 0 }))
    const acknowledged = numbers.map(() => 0)
    const progress = new Progress()
    const state: Writing = { isOver: false, progress }
    const group = freshGroup()
    const writing = Promise.all(numbers.map((partition) => write(writer, topic.name, partition, acknowledged, state)))
    const members = [
      await consume(left, group, topic.name, taken, progress),
      await consume(right, group, topic.name, taken, progress),
    ]
    const flow = () => {
      const aims = acknowledged.map((count) => count + stretch)
      return progress.until(() => aims.every((aim, at) => acknowledged[at]! >= aim && taken[at]!.numbers.length >= aim))
    }
    await flow()
    for (let index = 0; index < kafka.brokers.length; index++) {
      await kafka.kill(index)
      await flow()
      await kafka.start(index)
      await flow()
      await allInSync(kafka.brokers, topic.name)
    }
    state.isOver = true
    await writing
    await progress.until(() => taken.every((own, at) => own.numbers.length >= acknowledged[at]!))
    for (const [at, own] of taken.entries()) {
      assert.deepEqual(
        own.numbers,
        Array.from({ length: acknowledged[at]! }, (_, number) => number),
      )
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    assert.ok(heapUsed + arrayBuffers < memoryBytesMax, `${heapUsed + arrayBuffers} bytes in use`)
    assert.deepEqual(
      members.flatMap(({ owned }) => owned()).sort((one, other) => one - other),
      numbers,
      'each partition has one owner',
    )
    assert.ok(members.every(({ owned }) => owned().length === partitions / 2))
    for (const partition of members[0]!.owned()) {
      await members[0]!.member.commit({ topic: topic.name, partition }, offsetOf(taken[partition]!.next))
    }
    const committed = await writer.committed(group, topic.name)
    for (const partition of members[0]!.owned()) assert.equal(committed.get(partition), taken[partition]!.next)
    for (const log of logs) await log.close()
  })
}
