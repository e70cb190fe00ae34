// A remote pull gives what a pull of the owner's tables gives, whoever owns what and however it is cut, and one that makes no
// sense is refused by name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { grpcRpcClient } from '../../streams/rpc/grpc-rpc.ts'
import type { FreshetError } from '../../streams/runtime/errors.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { densePullMethodOf, encodePullRequest, pullMethodOf } from './pull-wire.ts'
import { assertFilled, idsFrom, rowPull, WorldShard, worldOf, worldSpec } from './pull-world.ts'

const endless = new AbortController().signal

test('a remote pull equals a pull of the tables, over random tables, buckets, owners and cuts', async (t) => {
  const buckets = 5
  const world = await worldOf(t, buckets)
  const shards = Array.from({ length: buckets }, () => new WorldShard())
  for (const [bucket, shard] of shards.entries()) {
    shard.markByPartition.set(3, 100 + bucket)
    for (const { name } of worldSpec.tables) shard.push(name, idsFrom(bucket, 40), bucket / 3)
  }
  const owners = [await world.owner({ valuesPerSliceMax: 50 }), await world.owner(), await world.owner()]
  for (const bucket of shards.keys()) {
    const owner = owners[bucket % owners.length]!
    owner.owned.set(bucket, shards[bucket]!)
    await world.claim(bucket, owner)
  }
  const clients = [1, 40, 1_000_000].map((valuesPerCallMax) => world.client({ valuesPerCallMax }))
  const pull = fc.record({
    bucket: fc.nat(buckets - 1),
    table: fc.constantFrom(...worldSpec.tables.map(({ name }) => name)),
    ids: fc.array(fc.bigInt({ min: 0n, max: 60n }), { maxLength: 30 }),
  })
  const dumps = shards.map(dumpOf)
  await fc.assert(
    fc.asyncProperty(fc.array(pull, { maxLength: 8 }), fc.constantFrom(...clients), async (wanted, client) => {
      const pulls = wanted.map(({ bucket, table, ids }) => rowPull(bucket, table, BigUint64Array.from(ids)))
      const marks = await client.pull(3, pulls, endless)
      assertFilled(pulls, shards)
      assert.deepEqual(
        [...marks].sort(),
        [...new Set(wanted.map(({ bucket }) => bucket))].sort().map((bucket) => [bucket, 100 + bucket]),
      )
    }),
    { numRuns: 60 },
  )
  assert.deepEqual(shards.map(dumpOf), dumps)
  assert.equal((await clients[0]!.pull(4, [rowPull(0, 'thin', idsFrom(1, 1))], endless)).get(0), 0)
})

test('each owner is asked once, all at once', async (t) => {
  const world = await worldOf(t, 4)
  const shards = Array.from({ length: 4 }, () => new WorldShard())
  let arrived = 0
  const { promise: both, resolve: bothArrived } = Promise.withResolvers<void>()
  const before = async () => {
    if (++arrived === 2) bothArrived()
    // Would wait for ever if one were asked after the other.
    await both
  }
  const owners = [await world.owner({ before }), await world.owner({ before })]
  for (const [bucket, shard] of shards.entries()) {
    owners[bucket % 2]!.owned.set(bucket, shard)
    await world.claim(bucket, owners[bucket % 2]!)
  }
  const client = world.client()
  const pulls = shards.flatMap((_, bucket) => worldSpec.tables.map(({ name }) => rowPull(bucket, name, idsFrom(1, 10))))
  await client.pull(0, pulls, endless)
  assertFilled(pulls, shards)
  assert.deepEqual(
    owners.map(({ calls }) => calls.length),
    [1, 1],
  )
  const { calls, retries, waits, bytesSent, bytesReceived, latencyMs } = client.counts()
  assert.deepEqual([calls, retries, waits], [2, 0, 0])
  assert.ok(bytesSent > 4 * 3 * 10 * 8 && bytesReceived > 4 * 10 * 20 * 4)
  assert.ok(latencyMs.p50 > 0 && latencyMs.p99 >= latencyMs.p50)
})

test('dense tensors are pulled when they are newer, and come as they were then', async (t) => {
  const world = await worldOf(t, 2)
  const shard = new WorldShard()
  const values = Float32Array.of(1, 2, 3, 4, 5, 6)
  shard.dense = new Map([
    ['w', { name: 'w', shape: [2, 3], values }],
    ['b', { name: 'b', shape: [], values: Float32Array.of(9) }],
  ])
  shard.denseVersion = 7
  shard.markByPartition.set(1, 50)
  const owner = await world.owner()
  owner.owned.set(0, shard)
  await world.claim(0, owner)
  const client = world.client()
  const pulled = (await client.pullDense(1, 0, endless))!
  values.fill(0)
  assert.deepEqual([pulled.version, pulled.folded], [7, 50])
  assert.deepEqual(pulled.dense.get('w'), { name: 'w', shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) })
  assert.deepEqual(pulled.dense.get('b')!.values, Float32Array.of(9))
  assert.equal(await client.pullDense(1, 7, endless), null)
  assert.equal((await client.pullDense(2, 6, endless))!.folded, 0)
})

test('an owner of another spec refuses for good, by name', async (t) => {
  const world = await worldOf(t, 1)
  const owner = await world.owner()
  owner.owned.set(0, new WorldShard())
  await world.claim(0, owner)
  const [wide, ...others] = worldSpec.tables
  const wider = world.client({ spec: { model: worldSpec.model, tables: [{ ...wide!, dimension: 8 }, ...others] } })
  const pull = { ...rowPull(0, 'wide', idsFrom(1, 2)), out: new Float32Array(16) }
  await assert.rejects(wider.pull(0, [pull], endless), { code: 'usage', message: /parts\[0\]\.dimension: 8/ })
  const stranger = world.client({ spec: { model: 'other', tables: worldSpec.tables } })
  await assert.rejects(stranger.pull(0, [rowPull(0, 'wide', idsFrom(1, 2))], endless), {
    code: 'usage',
    message: /pull\.other/,
  })
  const more = world.client({ spec: { model: worldSpec.model, tables: [{ ...wide!, name: 'more' }, ...others] } })
  await assert.rejects(
    more.pull(0, [{ ...pull, table: 'more', out: new Float32Array(32) }], endless),
    (error: FreshetError) => {
      assert.equal(error.details.field, 'parts[0].table')
      return true
    },
  )
})

test('an owner asked what makes no sense refuses it by name, and answers the next', async (t) => {
  const world = await worldOf(t, 1)
  const shard = new WorldShard()
  const owner = await world.owner()
  owner.owned.set(0, shard)
  await world.claim(0, owner)
  const connection = grpcRpcClient({ address: owner.server.address, runtime })
  t.after(() => connection.close())
  const methods = [pullMethodOf(worldSpec.model), densePullMethodOf(worldSpec.model)]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...methods), fc.uint8Array({ maxLength: 80 }), async (method, bytes) => {
      await assert.rejects(connection.call(method, bytes, { deadlineMs: 20_000 }), (error: FreshetError) => {
        assert.equal(error.code, 'usage')
        assert.equal(typeof error.details.field, 'string')
        return true
      })
    }),
  )
  const unowned = encodePullRequest(0, [{ bucket: 4_000_000_000, table: 'thin', dimension: 1, ids: idsFrom(1, 1) }])
  await assert.rejects(connection.call(methods[0]!, unowned, { deadlineMs: 20_000 }), { code: 'bucket-moved' })
  const pull = rowPull(0, 'wide', idsFrom(1, 9))
  await world.client().pull(0, [pull], endless)
  assertFilled([pull], [shard])
})

function dumpOf(shard: WorldShard): string[] {
  return [...shard.tables.values()].map((table) => Buffer.from(table.dump()).toString('base64'))
}
