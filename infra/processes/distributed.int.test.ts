// A whole deployment on a real Kafka, one process for each role and two of those that share work: what people do reaches the
// weights of every view, every process ends cleanly, and every snapshot is what its log folds to.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import type { ModelBucket } from '../cli/model-status.ts'
import type { ListedSnapshot } from '../cli/snapshot-list.ts'
import { type RunningKafka, startKafka } from '../engines/kafka/start-kafka.ts'
import type { CatalogVideo } from '../simulation/tastes.ts'
import { runCommand } from './command-process.ts'
import { histogramOf, quantileOf, samplesOf } from './metrics-text.ts'
import { PersistentClients } from './persistent-clients.ts'
import { freshnessMetric } from './serving-metrics.ts'
import { startTopology, type Topology } from './topology.ts'

const catalog: readonly CatalogVideo[] = Array.from({ length: 90 }, (_, index) => ({
  videoId: `video-${index}`,
  creatorId: `creator-${index % 9}`,
  hashtags: [`tag-${index % 7}`, `tag-${7 + (index % 5)}`],
  durationMs: 5_000 + (index % 6) * 4_000,
}))
const eventsWanted = 200
const pollMs = 100

const folder = mkdtempSync(join(tmpdir(), 'freshet-distributed-'))
let kafka: RunningKafka
let topology: Topology
const deaths: string[] = []

before(async () => {
  kafka = await startKafka({ directory: join(folder, 'kafka') })
  topology = await startTopology({
    brokers: kafka.brokers,
    folder,
    processes: {
      gateway: ['gateway'],
      'serving-1': ['serving'],
      'serving-2': ['serving'],
      stream: ['joiner', 'counter', 'projections'],
      trainer: ['trainer'],
      'shard-1': ['shard'],
      'shard-2': ['shard'],
      encoder: ['encoder'],
    },
    settings: {
      log: { partitions: 2 },
      learning: { buckets: 3 },
      checkpointIntervalMs: 1_000,
      ticks: { activeMs: 100, idleMs: 250 },
      generationMs: 2_000,
      limits: { servedDeadlineMs: 1_000 },
    },
    onDeath: (name, said) => deaths.push(`${name} ended by itself: ${said}`),
  })
})

after(async () => {
  await topology?.abandon()
  await kafka?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('people swipe, and what they did reaches the weights of both views', async () => {
  let acknowledged = 0
  const clients = new PersistentClients({
    users: 6,
    seed: 20_261_121,
    catalog,
    runtime,
    onAcknowledged: (events) => {
      acknowledged += events
    },
  })
  clients.connect(topology.gatewayUrl)
  await clients.publish()
  const living = clients.live()
  await until(async () => acknowledged >= eventsWanted)
  clients.finish()
  await living
  assert.deepEqual(clients.ledger.broken, [])
  assert.equal(clients.ledger.unanswered, 0)
  assert.ok(clients.ledger.loggedRequestIds.size > 0)
  await until(async () => {
    const text = await metricsOf('gateway')
    const measured = samplesOf(text, `${freshnessMetric}_count`)
    return measured.length === 2 && measured.every(({ value }) => value > 0)
  })
  assert.ok(quantileOf(histogramOf(await metricsOf('gateway'), freshnessMetric), 0.5)! > 0)
})

test('every bucket has one owner, nothing was refused and nothing is held', async () => {
  const texts = await Promise.all(['shard-1', 'shard-2'].map(metricsOf))
  const text = texts.join('\n')
  const buckets = samplesOf(text, 'freshet_shard_version').map(
    ({ labels }) => `${labels.get('model')}/${labels.get('bucket')}`,
  )
  assert.deepEqual(buckets.sort(), ['counts/0', 'counts/1', 'foryou/0', 'foryou/1', 'foryou/2'])
  for (const name of ['shard_gaps_total', 'shard_misfits_total', 'shard_refused_total', 'publication_held']) {
    const told = samplesOf(text, `freshet_${name}`)
    assert.ok(told.length > 0, name)
    assert.deepEqual(
      told.filter(({ value }) => value !== 0),
      [],
      name,
    )
  }
  for (const owned of texts) assert.ok(samplesOf(owned, 'freshet_shard_version').length > 0, 'each shard owns some')
})

test('commands tell how fresh the views are and who owns what', async () => {
  const fresh = await command<{ arrivals: number; freshnessMs: { p50: number; p99: number } }>('gateway', ['freshness'])
  assert.ok(fresh.arrivals > 0 && fresh.freshnessMs.p50 > 0 && fresh.freshnessMs.p99 >= fresh.freshnessMs.p50)
  const status = await command<{ held: number; buckets: ModelBucket[] }>('shard-1', ['model', 'status'])
  assert.equal(status.held, 0)
  assert.equal(status.buckets.length, 5)
  for (const bucket of status.buckets) {
    assert.ok(bucket.live && bucket.owner !== null && bucket.version > 0, JSON.stringify(bucket))
    assert.equal(bucket.lineage, 0)
  }
})

test('all processes end cleanly', async () => {
  assert.deepEqual(deaths, [])
  await topology.stop()
  assert.deepEqual(
    topology.names.filter((name) => topology.isRunning(name)),
    [],
  )
})

test('every snapshot is what its log folds to', async () => {
  const { snapshots } = await command<{ snapshots: ListedSnapshot[] }>('shard-1', ['snapshot', 'list'])
  const places = new Set(snapshots.map(({ model, bucket }) => `${model}/${bucket}`))
  assert.equal(places.size, 5)
  assert.deepEqual(
    snapshots.filter(({ checksumOk }) => !checksumOk),
    [],
  )
  for (const place of places) {
    const newest = snapshots.findLast(({ model, bucket }) => `${model}/${bucket}` === place)!
    assert.ok(newest.announced, `${place} announced its last snapshot`)
  }
  const report = await command<{ verified: number; bytesEqual: boolean; rows: unknown }>('shard-2', [
    'snapshot',
    'verify',
  ])
  assert.ok(report.bytesEqual, JSON.stringify(report.rows))
  assert.equal(report.verified, snapshots.length)
})

async function command<Result>(name: string, words: readonly string[]): Promise<Result> {
  const place = { dataDir: topology.dataDir(name), configPath: topology.configPath(name) }
  const { status, result, said } = await runCommand<Result>(words, { ...place, compileCache: join(folder, 'compiled') })
  assert.equal(status, 0, `${said}${JSON.stringify(result)}`)
  return result!
}

async function metricsOf(name: string): Promise<string> {
  const { metrics } = await topology.process(name).ready
  return (await fetch(metrics)).text()
}

/** Conditions come true while the processes live; the runner's own limit ends a wait that never does. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) {
    assert.deepEqual(deaths, [])
    await runtime.timers.sleep(pollMs)
  }
}
