// The newest claim of a bucket is its owner, for followers that were there and for those that come late.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { encode } from '../../schemas/codec.ts'
import { modelTopics, snapshotsOf } from '../../schemas/topics.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { simulatedDisk } from '../../streams/runtime/simulated-disk.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { bucketRoutes, claimBucket } from './bucket-claims.ts'

const model = 'claimed'
const endless = new AbortController().signal

async function openLog(t: TestContext): Promise<Log> {
  const log = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime, maintainEveryMs: 0 })
  t.after(() => log.close())
  return log
}

async function createTopics(log: Log, buckets: number): Promise<void> {
  for (const spec of modelTopics(model, buckets)) await log.ensureTopic(spec)
}

function routesOf(t: TestContext, log: Log) {
  const routes = bucketRoutes({ log, runtime, model })
  t.after(() => routes.close())
  return routes
}

test('the newest claim owns, its offset is its epoch, and buckets are apart', async (t) => {
  const log = await openLog(t)
  await createTopics(log, 3)
  const claim = (bucket: number, address: string) => claimBucket({ log, runtime, model, bucket, address })
  const early = routesOf(t, log)
  assert.equal(early.ownerOf(0), null)
  assert.equal(await claim(0, 'a:1'), 0)
  assert.equal(await claim(2, 'b:1'), 0)
  await appendSnapshot(log, 0)
  assert.equal(await claim(0, 'c:1'), 2)
  const late = routesOf(t, log)
  for (const routes of [early, late]) {
    assert.deepEqual(await routes.claimAfter(0, 0, endless), { address: 'c:1', epoch: 2 })
    assert.deepEqual(await routes.claimAfter(2, -1, endless), { address: 'b:1', epoch: 0 })
    assert.equal(routes.ownerOf(1), null)
    assert.deepEqual(routes.ownerOf(0), { address: 'c:1', epoch: 2 })
  }
  const waiting = [early, late].map((routes) => routes.claimAfter(0, 2, endless))
  const epoch = await claim(0, 'a:1')
  assert.equal(epoch, 3)
  for (const owner of await Promise.all(waiting)) assert.deepEqual(owner, { address: 'a:1', epoch })
})

test('claims are followed in a topic that is created later', async (t) => {
  const log = await openLog(t)
  const routes = routesOf(t, log)
  const owner = routes.claimAfter(1, -1, endless)
  await createTopics(log, 2)
  await claimBucket({ log, runtime, model, bucket: 1, address: 'a:1' })
  assert.deepEqual(await owner, { address: 'a:1', epoch: 0 })
})

test('who waits for a claim is let go when aborted, and when the routes close', async (t) => {
  const log = await openLog(t)
  await createTopics(log, 1)
  const routes = bucketRoutes({ log, runtime, model })
  const control = new AbortController()
  const aborted = assert.rejects(routes.claimAfter(0, -1, control.signal), { code: 'stopped' })
  control.abort()
  await aborted
  await assert.rejects(routes.claimAfter(0, -1, control.signal), { code: 'stopped' })
  const closed = assert.rejects(routes.claimAfter(0, -1, endless), { code: 'stopped' })
  await routes.close()
  await closed
  await routes.close()
})

test('bytes that are no claim are passed over', async (t) => {
  const log = await openLog(t)
  await createTopics(log, 1)
  const routes = routesOf(t, log)
  for (const value of [null, new Uint8Array(0), Uint8Array.of(0, 0, 0, 0, 1), new TextEncoder().encode('{}')]) {
    await log.append(snapshotsOf(model), [{ key: 'claim/0', value, timestampMs: 1, partition: partitionOf(0) }])
  }
  const claim = encode({ type: 'BucketClaimed', model, bucket: 0, owner: 'a:1', eventTimeMs: 1 })
  const cut = claim.subarray(0, claim.byteLength - 3)
  await log.append(snapshotsOf(model), [{ key: 'claim/0', value: cut, timestampMs: 1, partition: partitionOf(0) }])
  const epoch = await claimBucket({ log, runtime, model, bucket: 0, address: 'b:1' })
  assert.deepEqual(await routes.claimAfter(0, -1, endless), { address: 'b:1', epoch })
})

async function appendSnapshot(log: Log, bucket: number): Promise<void> {
  const value = encode({
    type: 'SnapshotTaken',
    model,
    bucket,
    epoch: 0,
    version: 1,
    blob: 'x',
    bytes: 1,
    checksum: '0',
    offsets: {},
    eventTimeMs: 1,
    lineage: 0,
  })
  const partition = partitionOf(bucket)
  await log.append(snapshotsOf(model), [{ key: `snapshot/${bucket}`, value, timestampMs: 1, partition }])
}
