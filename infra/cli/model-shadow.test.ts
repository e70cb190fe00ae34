// What can be shadowed: a model beside another, few at once, in lockstep; every refusal says what to write.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { policies, sharedTopics } from '../../schemas/topics.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { partitionOf } from '../../streams/log/log.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { loadConfig } from '../config/config.ts'
import { writtenBlobs } from '../processes/blob-folder.ts'
import { logDirectory } from '../processes/open-log.ts'
import { policiesInLog } from '../processes/policy-feed.ts'
import { shadowsAfter } from '../processes/shadow-models.ts'
import { promoteKnown } from './model-promotion.ts'
import { endShadow, shadowKnown, shadowSpec } from './model-shadow.ts'

test('models are shadowed, ended and promoted by events, and what cannot be shadowed changes nothing', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'freshet-shadows-'))
  const log = await embeddedLog({ disk: systemDisk, directory: logDirectory(dataDir), runtime: systemRuntime })
  t.after(async () => {
    await log.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  for (const topic of sharedTopics()) await log.ensureTopic(topic)
  const config = loadConfig({ environment: {}, flags: { dataDir } })
  const sources = { log, blobs: writtenBlobs(config, 'test'), runtime: systemRuntime }
  const specOf = (model: string, change: object = {}): string => {
    const path = join(dataDir, `${model}.json`)
    writeFileSync(path, JSON.stringify({ ...foryouSpec, ...change, model }))
    return path
  }
  const shadows = async () => shadowsAfter(await policiesInLog(log))

  await assert.rejects(shadowKnown('foryou', config, sources), /foryou is the model that serves/)
  await assert.rejects(shadowKnown('nobody-knows', config, sources), { code: 'blob-missing' })
  await assert.rejects(shadowSpec(specOf('counts'), config, sources), /counts is no model/)
  await assert.rejects(endShadow('one', sources), /one is no shadow; there are none/)
  const misfit = specOf('misfit', {
    slots: [...foryouSpec.slots, { name: 'noSuchSlot', table: 'item' }],
    ranker: { ...foryouSpec.ranker!, slots: [...foryouSpec.ranker!.slots, 'noSuchSlot'] },
  })
  await assert.rejects(shadowSpec(misfit, config, sources), /no feature writes slot noSuchSlot/)
  const distributed = { ...config, learning: { ...config.learning, mode: 'distributed' as const } }
  await assert.rejects(shadowSpec(specOf('one'), distributed, sources), /in lockstep only/)
  assert.equal((await log.bounds({ topic: policies, partition: partitionOf(0) })).latest, 0)

  await shadowSpec(specOf('one'), config, sources)
  await shadowSpec(specOf('two'), config, sources)
  await assert.rejects(shadowKnown('one', config, sources), /one is a shadow already; there are one, two/)
  await assert.rejects(shadowSpec(specOf('three'), config, sources), /at most 2 shadows: end one/)
  await endShadow('two', sources)
  await shadowSpec(specOf('three'), config, sources)
  await promoteKnown('one', config, sources)
  assert.deepEqual(await shadows(), ['three'])
  // The one that the configuration names serves no more: it may watch.
  await shadowKnown('foryou', config, sources)
  assert.deepEqual(await shadows(), ['three', 'foryou'])
})
