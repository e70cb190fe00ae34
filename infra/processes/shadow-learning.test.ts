// A shadow that fails while it learns is counted, stopped and told, and everybody else goes on; events begin and end shadows
// while the process runs, two at most.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { encode } from '../../schemas/codec.ts'
import { policies, sharedTopics } from '../../schemas/topics.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import type { ProcessorGroup } from '../../streams/processor/processor-group.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { loadConfig } from '../config/config.ts'
import { writtenBlobs } from './blob-folder.ts'
import { modelSetup } from './model-setup.ts'
import { specBlob } from './promoted-model.ts'
import { shadowLearning } from './shadow-learning.ts'

interface StartedGroup extends ProcessorGroup {
  readonly model: string
  readonly isStopped: () => boolean
  fail(): void
}

test('a shadow that fails ends alone, and events begin and end others', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'freshet-shadow-learning-'))
  const config = loadConfig({ environment: {}, flags: { dataDir } })
  const log = await embeddedLog({ disk: systemDisk, directory: join(dataDir, 'log'), runtime })
  t.after(async () => {
    await log.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  for (const topic of sharedTopics()) await log.ensureTopic(topic)
  const blobs = writtenBlobs(config, 'test')
  const tell = async (type: 'ModelShadowed' | 'ShadowEnded', model: string): Promise<void> => {
    const value = encode({ type, eventId: '', eventTimeMs: 0, receivedTimeMs: 0, model, by: null })
    await log.append(policies, [{ key: null, value, timestampMs: 1 }])
  }
  for (const model of ['one', 'two', 'three']) {
    await blobs.put(specBlob(model), [new TextEncoder().encode(JSON.stringify({ ...foryouSpec, model }))])
  }
  for (const model of ['one', 'foryou', 'two']) await tell('ModelShadowed', model)

  const started: StartedGroup[] = []
  const place = { config, setup: modelSetup(config), log, blobs, runtime, rpcPort: 0, registry: new Registry() }
  const shadows = await shadowLearning({
    place,
    async start({ spec }) {
      const group = groupOf(spec.model)
      started.push(group)
      return { group, trainer: () => null }
    },
  })
  const told = () => shadows.quality().map(({ model, running, failures }) => [model, running, failures])
  const until = async (wanted: unknown): Promise<void> => {
    while (JSON.stringify(told()) !== JSON.stringify(wanted)) await runtime.timers.sleep(5)
  }
  const both = [
    ['one', true, 0],
    ['two', true, 0],
  ]
  await until(both)
  await tell('ModelShadowed', 'three')
  await until([...both, ['three', false, 1]])

  started[0]!.fail()
  await until([
    ['one', false, 1],
    ['two', true, 0],
    ['three', false, 1],
  ])
  assert.deepEqual(
    started.map(({ model, isStopped }) => [model, isStopped()]),
    [
      ['one', true],
      ['two', false],
    ],
  )
  await tell('ModelShadowed', 'three')
  await tell('ShadowEnded', 'one')
  await until([
    ['two', true, 0],
    ['three', true, 1],
  ])
  await shadows.stop()
  assert.deepEqual(
    started.map(({ isStopped }) => isStopped()),
    [true, true, true],
  )
})

/** A group that folds nothing: it runs until it is stopped, or told to fail. */
function groupOf(model: string): StartedGroup {
  const ended = Promise.withResolvers<void>()
  let isStopped = false
  return {
    model,
    isStopped: () => isStopped,
    progress: () => [],
    processorOf: () => null,
    restart: async () => {},
    ended: ended.promise,
    fail: () => ended.reject(new Error('a fold that went wrong')),
    async stop() {
      isStopped = true
      ended.resolve()
    },
  }
}
