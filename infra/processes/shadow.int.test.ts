// A model beside the one that serves: it learns the same examples, goes on after a restart, is compared by the status, and
// serves with what it learned once it is promoted; another shadow that cannot start stops nobody.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { encode } from '../../schemas/codec.ts'
import { policies } from '../../schemas/topics.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { type ModelLearner, modelLearners } from '../cli/model-learners.ts'
import { endShadow } from '../cli/model-shadow.ts'
import type { ModelBucket } from '../cli/model-status.ts'
import { loadConfig } from '../config/config.ts'
import type { CatalogVideo } from '../simulation/tastes.ts'
import { runCommand } from './command-process.ts'
import { type Engine, startEngine } from './engine.ts'
import { samplesOf } from './metrics-text.ts'
import { PersistentClients } from './persistent-clients.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-shadow-'))
const dataDir = join(folder, 'data')
const configPath = join(folder, 'freshet.json')
const specPath = join(folder, 'next.json')
const ticks = { activeMs: 50, idleMs: 100 }
writeFileSync(
  configPath,
  JSON.stringify({ gateway: { port: 0 }, checkpointIntervalMs: 500, syncIntervalMs: 100, ticks }),
)
// Equal but for the name: whatever it learned otherwise than the model that serves would show as a difference.
writeFileSync(specPath, JSON.stringify({ ...foryouSpec, model: 'foryou-next' }))

const catalog: readonly CatalogVideo[] = Array.from({ length: 40 }, (_, index) => ({
  videoId: `video-${index}`,
  creatorId: `creator-${index % 9}`,
  hashtags: [`tag-${index % 7}`],
  durationMs: 5_000,
}))
const pollMs = 50
let seen = 0

let engine: Engine | null = null
after(async () => {
  await engine?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('a shadow learns what the model that serves learns, and serves once it is promoted', async () => {
  await start()
  await live(30)
  await until(async () => (await modelLearners(dataDir))[0]!.examples > 0)
  const begun = await command<{ model: string; from: number | null }>(['model', 'shadow', '--spec', specPath])
  assert.deepEqual(begun, { ...begun, model: 'foryou-next', from: null })
  await live(70)
  await untilLearned(({ pairs, examples }, served) => pairs > 0 && examples === served.examples)

  const status = await command<{ buckets: ModelBucket[]; learners: ModelLearner[] }>(['model', 'status'])
  const [served, shadow] = status.learners
  assert.deepEqual([served!.model, served!.role], ['foryou', 'serves'])
  assert.deepEqual([shadow!.model, shadow!.role, shadow!.running, shadow!.failures], ['foryou-next', 'shadow', true, 0])
  assert.ok(shadow!.pairs < shadow!.examples, 'what was served before it began is no comparison')
  const { outcomes, logLoss, logLossError } = shadow!.lead.longView!
  assert.deepEqual([outcomes! > 0, logLoss, logLossError], [true, 0, 0])
  assert.deepEqual(
    status.buckets.map(({ model }) => model),
    ['foryou', 'counts', 'foryou-next'],
  )

  await engine!.log.append(policies, [shadowed('nobody-knows')])
  await restart()
  await live(120)
  await untilLearned(({ pairs }) => pairs > 0)
  await until(async () => (await told('next_offset', 'foryou-next')) === (await told('next_offset', 'foryou')))
  const learners = await modelLearners(dataDir)
  const failed = learners.find(({ model }) => model === 'nobody-knows')!
  assert.deepEqual([failed.running, failed.failures, failed.examples], [false, 1, 0])
  assert.equal(learners.find(({ model }) => model === 'foryou-next')!.lead.longView!.logLoss, 0)

  await endShadow('nobody-knows', { log: engine!.log, runtime })
  await until(async () => (await modelLearners(dataDir)).length === 2)
  const versionBefore = await told('version', 'foryou-next')
  await command(['model', 'promote', '--model', 'foryou-next'])
  await restart()
  await engine!.whenReady()
  const page = await servedBy()
  assert.equal(page.model, 'foryou-next')
  assert.ok(page.version >= versionBefore && versionBefore > 0, 'served with what the shadow learned')
  assert.deepEqual(
    (await modelLearners(dataDir)).map(({ model, role }) => [model, role]),
    [['foryou-next', 'serves']],
  )
})

async function start(): Promise<void> {
  engine = await startEngine(loadConfig({ environment: {}, path: configPath, flags: { dataDir } }), runtime)
}

async function restart(): Promise<void> {
  await engine!.stop()
  await start()
}

/** People use it until this many events are acknowledged; those of earlier calls are sent again, and count once. */
async function live(events: number): Promise<void> {
  let acknowledged = 0
  const onAcknowledged = (more: number): void => {
    acknowledged += more
  }
  const clients = new PersistentClients({ users: 4, seed: 5, catalog, runtime, onAcknowledged })
  clients.connect(engine!.url!)
  if (seen === 0) await clients.publish()
  seen += events
  const living = clients.live()
  await until(async () => acknowledged >= events)
  clients.finish()
  await living
}

async function untilLearned(isTrue: (shadow: ModelLearner, served: ModelLearner) => boolean): Promise<void> {
  await until(async () => {
    const learners = await modelLearners(dataDir)
    const shadow = learners.find(({ model }) => model === 'foryou-next')
    return shadow !== undefined && isTrue(shadow, learners[0]!)
  })
}

async function servedBy(): Promise<{ readonly model: string; readonly version: number }> {
  const reply = await fetch(`${engine!.url}/v1/feed?user=somebody&limit=4`)
  const page = (await reply.json()) as { readonly versions: { readonly model: string } }
  const [model, version] = page.versions.model.split('@')
  return { model: model!, version: Number(version) }
}

/** What the owner of a model's parameters says of them. */
async function told(what: 'version' | 'next_offset', model: string): Promise<number> {
  const text = await (await fetch(engine!.metrics)).text()
  return samplesOf(text, `freshet_shard_${what}`).find(({ labels }) => labels.get('model') === model)!.value
}

function shadowed(model: string) {
  const nowMs = runtime.clock.nowMs()
  const stamps = { eventId: runtime.randomness.id(), eventTimeMs: nowMs, receivedTimeMs: nowMs }
  const value = encode({ type: 'ModelShadowed', ...stamps, model, by: null })
  return { key: `shadow/${model}`, value, timestampMs: nowMs, eventId: stamps.eventId }
}

async function command<Result>(words: readonly string[]): Promise<Result> {
  const { status, result, said } = await runCommand<Result>(words, { dataDir, configPath })
  assert.equal(status, 0, `${said}${JSON.stringify(result)}`)
  return result!
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await runtime.timers.sleep(pollMs)
}
