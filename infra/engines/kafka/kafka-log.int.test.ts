// The Kafka log against the suite, on a real broker.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import kafkajs from 'kafkajs'
import { kafkaLog } from '../../../streams/log/kafka-log.ts'
import { describeLog } from '../../../streams/log/log.suite.ts'
import { offsetOf, partitionOf } from '../../../streams/log/log.ts'
import {
  freshTopic,
  type LogUnderTest,
  patienceMs,
  readCount,
  recordOf,
  textOf,
} from '../../../streams/log/log-suite-fixtures.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { type RunningKafka, startKafka } from './start-kafka.ts'

const directory = mkdtempSync(join(tmpdir(), 'freshet-kafka-'))
const limits = { recordBytesMax: 200_000, inFlightBytesMax: 400_000 }

async function startOrSay(): Promise<RunningKafka | null> {
  try {
    return await startKafka({ directory })
  } catch (error) {
    if ((error as { code?: string }).code !== 'engine-missing' || process.env.CI) throw error
    it('the log on Kafka', { skip: (error as Error).message }, () => {})
    return null
  }
}

const started = await startOrSay()
if (started) testOn(started)

function testOn(first: RunningKafka): void {
  let kafka = first
  after(async () => {
    await kafka.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const open = () => kafkaLog({ brokers: kafka.brokers, runtime: systemRuntime, ...limits })
  const adminOf = () => new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()

  async function make(): Promise<LogUnderTest> {
    const under: LogUnderTest = {
      log: await open(),
      async reopen() {
        await under.log.close()
        under.log = await open()
      },
      dispose: () => under.log.close(),
      maintenance: {
        kind: 'by-itself',
        reason: 'the broker cleans on its own schedule, by retention.ms and cleanup.policy of the topic',
      },
    }
    return under
  }

  describeLog({ name: 'kafka', make, ...limits })

  it('tells the broker what to keep', async () => {
    const log = await open()
    const kept = freshTopic({ retentionMs: 86_400_000 })
    const compacted = freshTopic({ compacted: true })
    await log.ensureTopic(kept)
    await log.ensureTopic(compacted)
    await log.ensureTopic({ ...kept, retentionMs: 3_600_000 })
    const admin = adminOf()
    await admin.connect()
    const settingsOf = async (name: string) => {
      const type = kafkajs.ConfigResourceTypes.TOPIC
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type, name }] })
      return new Map(resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]))
    }
    const settings = await settingsOf(kept.name)
    assert.deepEqual([settings.get('retention.ms'), settings.get('cleanup.policy')], ['3600000', 'delete'])
    assert.equal((await settingsOf(compacted.name)).get('cleanup.policy'), 'compact')
    await admin.disconnect()
    await log.close()
  })

  it('reads outside groups without making any', async () => {
    const log = await open()
    const topic = freshTopic()
    await log.ensureTopic(topic)
    await log.append(topic.name, [recordOf('a')])
    const before = await log.groups()
    const reader = await log.openReader({ topic: topic.name, partition: partitionOf(0), from: offsetOf(0) })
    assert.equal((await reader.next({ recordsMax: 1, waitMsMax: patienceMs })).length, 1)
    assert.deepEqual(await log.groups(), before)
    await log.close()
  })

  it('goes on after the broker was killed, with every acknowledged record, each once', async () => {
    const log = await open()
    const topic = freshTopic({ idempotenceMs: 3_600_000 })
    await log.ensureTopic(topic)
    const reader = await log.openReader({ topic: topic.name, partition: partitionOf(0), from: offsetOf(0) })
    const texts = Array.from({ length: 50 }, (_, index) => `record ${index}`)
    const append = (text: string) => log.append(topic.name, [recordOf(text, { eventId: text })])
    for (const text of texts.slice(0, 25)) await append(text)
    const port = Number(kafka.brokers[0]!.split(':')[1])
    await kafka.kill()
    kafka = await startKafka({ directory, port })
    for (const text of texts.slice(20)) {
      // An append that failed is made again under the same event id.
      for (let done = false; !done; ) {
        done = await append(text).then(
          () => true,
          (error) => {
            assert.equal(error.retryable, true)
            return false
          },
        )
      }
    }
    assert.deepEqual((await readCount(log, topic.name, 50)).map(textOf), texts)
    const tailed: string[] = []
    while (tailed.length < 50) {
      const more = await reader.next({ recordsMax: 50, waitMsMax: patienceMs }).catch((error) => {
        assert.equal(error.retryable, true)
        return []
      })
      tailed.push(...more.map(textOf))
    }
    assert.deepEqual(tailed, texts)
    await log.close()
  })
}
