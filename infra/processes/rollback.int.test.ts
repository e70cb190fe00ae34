// A rollback of a running engine: what was learned from a moment on is undone in its weights and stays undone after a
// restart, and one that undoes nothing is an event like any other.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import type { ModelBucket } from '../cli/model-status.ts'
import type { CatalogVideo } from '../simulation/tastes.ts'
import { runCommand } from './command-process.ts'
import { type EngineProcess, startEngineProcess } from './engine-process.ts'
import { samplesOf } from './metrics-text.ts'
import { PersistentClients } from './persistent-clients.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-rollback-'))
const configPath = join(folder, 'freshet.json')
const compileCache = join(folder, 'compiled')
const dataDir = join(folder, 'data')
const settings = {
  gateway: { port: 0 },
  checkpointIntervalMs: 500,
  syncIntervalMs: 100,
  ticks: { activeMs: 50, idleMs: 100 },
  limits: { servedDeadlineMs: 1_000 },
}
writeFileSync(configPath, JSON.stringify(settings))

const catalog: readonly CatalogVideo[] = Array.from({ length: 60 }, (_, index) => ({
  videoId: `video-${index}`,
  creatorId: `creator-${index % 9}`,
  hashtags: [`tag-${index % 7}`],
  durationMs: 5_000,
}))
const pollMs = 50

let engine: EngineProcess
after(async () => {
  await engine?.kill()
  rmSync(folder, { recursive: true, force: true })
})

test('what was learned from a moment on is undone, and stays undone', async () => {
  engine = startEngineProcess({ dataDir, configPath, compileCache })
  const { url, metrics } = await engine.ready
  let acknowledged = 0
  const clients = new PersistentClients({
    users: 4,
    seed: 3,
    catalog,
    runtime,
    onAcknowledged: (events) => {
      acknowledged += events
    },
  })
  clients.connect(url!)
  await clients.publish()
  const living = clients.live()
  await until(async () => acknowledged >= 60)
  const before = await learned(metrics)
  const momentMs = runtime.clock.nowMs()
  await until(async () => acknowledged >= 160)
  clients.finish()
  await living
  await until(async () => (await learned(metrics)).trained > before.trained)

  const undone = await command<{ undone: number }>(['model', 'rollback', '--to', `ts=${momentMs}`])
  assert.ok(undone.undone > 0)
  await until(async () => (await ranker()).lineage === 1)
  assert.equal((await ranker()).held, null)
  const nothing = await command<{ undone: number }>(['model', 'rollback', '--to', 'latest'])
  assert.equal(nothing.undone, 0)
  await until(async () => (await ranker()).lineage === 2)
  await engine.stop()

  engine = startEngineProcess({ dataDir, configPath, compileCache })
  await engine.ready
  await until(async () => (await ranker()).live)
  assert.equal((await ranker()).lineage, 2)
  await engine.stop()
  const report = await command<{ verified: number; bytesEqual: boolean; rows: unknown }>(['snapshot', 'verify'])
  assert.ok(report.bytesEqual && report.verified > 2, JSON.stringify(report.rows))
})

/** What the engine says it has learned so far. */
async function learned(metrics: string): Promise<{ readonly trained: number }> {
  const text = await (await fetch(metrics)).text()
  return { trained: samplesOf(text, 'freshet_learning_examples_total')[0]?.value ?? 0 }
}

async function ranker(): Promise<ModelBucket> {
  const { buckets } = await command<{ buckets: ModelBucket[] }>(['model', 'status', '--model', 'foryou'])
  return buckets[0]!
}

async function command<Result>(words: readonly string[]): Promise<Result> {
  const { status, result, said } = await runCommand<Result>(words, { dataDir, configPath, compileCache })
  assert.equal(status, 0, `${said}${JSON.stringify(result)}`)
  return result!
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await runtime.timers.sleep(pollMs)
}
