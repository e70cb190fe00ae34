// A promoted model never starts under other features than it learned; what differs is named.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedTopics } from '../../schemas/topics.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { promoteKnown } from '../cli/model-promotion.ts'
import { loadConfig } from '../config/config.ts'
import { readBlobs, writtenBlobs } from './blob-folder.ts'
import { checkModelFeatures, keepFeatures, otherFeatures } from './model-features.ts'
import { modelSetup } from './model-setup.ts'
import { logDirectory } from './open-log.ts'

test('a promoted model starts under the features it learned and no others', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'freshet-features-'))
  const log = await embeddedLog({ disk: systemDisk, directory: logDirectory(dataDir), runtime: systemRuntime })
  t.after(async () => {
    await log.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  for (const topic of sharedTopics()) await log.ensureTopic(topic)
  const whole = loadConfig({ environment: {}, flags: { dataDir } })
  const fewer = { ...whole, model: { ...whole.model, excludedFeatures: ['trends', 'session'] } }
  const misfit = (config: typeof whole) => otherFeatures(modelSetup(config), readBlobs(config))

  assert.equal(await misfit(whole), null, 'nothing is known yet')
  await checkModelFeatures(log, whole)
  assert.match((await misfit(fewer))!, /which has no trends, session\. /)
  // A model of the configuration begins anew under other features, and those are then its own.
  await checkModelFeatures(log, fewer)
  assert.equal(await misfit(fewer), null)
  assert.match((await misfit(whole))!, /which has trends, session besides/)

  const blobs = writtenBlobs(whole, 'test')
  await promoteKnown('foryou', whole, { log, blobs, runtime: systemRuntime })
  await checkModelFeatures(log, fewer)
  await assert.rejects(checkModelFeatures(log, whole), { code: 'config-invalid', message: /trends, session besides/ })
  assert.notEqual(await misfit(whole), null, 'what was refused stays as it was')
  await keepFeatures(modelSetup(whole), blobs)
  await checkModelFeatures(log, whole)

  await assert.rejects(promoteKnown('nonesuch', whole, { log, blobs, runtime: systemRuntime }), {
    code: 'usage',
    message: 'no model of the name nonesuch ran here; known: foryou',
  })
})
