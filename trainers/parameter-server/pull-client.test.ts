// A remote pull gives what a pull of the owner's tables gives, whatever happens to the owners meanwhile, and ends only
// when all is filled or the caller gives up.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { FreshetError } from '../../streams/runtime/errors.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import type { RowPull } from './parameter-client.ts'
import { densePullMethodOf, encodePullRequest, pullMethodOf } from './pull-wire.ts'
import { directPull, idsFrom, PullWorld, rowPull, WorldShard, worldSpec } from './pull-world.ts'

const endless = new AbortController().signal

async function worldOf(t: TestContext, buckets: number): Promise<PullWorld> {
  const world = await PullWorld.open(buckets)
  t.after(() => world.close())
  return world
}

function assertFilled(pulls: readonly RowPull[], shards: readonly WorldShard[]): void {
  for (const pull of pulls) assert.deepEqual(pull.out, directPull(shards[pull.bucket]!, pull), `bucket ${pull.bucket}`)
}

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

test('a bucket that moves in the middle of a pull is followed', async (t) => {
  const world = await worldOf(t, 2)
  const shards = [new WorldShard(), new WorldShard()]
  for (const shard of shards) shard.push('wide', idsFrom(1, 100), 5)
  const second = await world.owner()
  const first = await world.owner({
    before: async () => {
      if (first.calls.length !== 3) return
      // Gone from here before the claim of the next owner can be read.
      first.owned.delete(1)
      second.owned.set(1, shards[1]!)
      await world.claim(1, second)
    },
  })
  for (const bucket of [0, 1]) {
    first.owned.set(bucket, shards[bucket]!)
    await world.claim(bucket, first)
  }
  const client = world.client({ valuesPerCallMax: 160 })
  const pulls = [rowPull(1, 'wide', idsFrom(1, 200)), rowPull(0, 'wide', idsFrom(1, 200))]
  const marks = await client.pull(0, pulls, endless)
  assertFilled(pulls, shards)
  assert.equal(marks.size, 2)
  assert.ok(second.calls.length > 0 && client.counts().retries > 0)
})

test('an owner that answers no more is left as soon as another claims its bucket', async (t) => {
  const world = await worldOf(t, 1)
  const shard = new WorldShard()
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const paused = await world.owner({
    before: () => {
      ask()
      return new Promise(() => {})
    },
  })
  await world.claim(0, paused)
  // A deadline that would outlive the test's own time: only the claim can end the call.
  const client = world.client({ deadlineMs: 3_600_000 })
  const pull = rowPull(0, 'odd', idsFrom(1, 9))
  const pulled = client.pull(0, [pull], endless)
  const dense = client.pullDense(0, -1, endless)
  await asked
  const other = await world.owner()
  other.owned.set(0, shard)
  await world.claim(0, other)
  await pulled
  assertFilled([pull], [shard])
  assert.equal((await dense)!.version, 0)
})

test('an owner that answers late is asked again', async (t) => {
  const world = await worldOf(t, 1)
  const shard = new WorldShard()
  const slow = await world.owner({ before: () => (slow.calls.length < 4 ? new Promise<void>(() => {}) : undefined) })
  slow.owned.set(0, shard)
  await world.claim(0, slow)
  const client = world.client({ deadlineMs: 30 })
  const pull = rowPull(0, 'odd', idsFrom(1, 9))
  // A machine that is busy may miss a deadline too: it is asked until it answers.
  await client.pull(0, [pull], endless)
  assertFilled([pull], [shard])
  assert.ok(client.counts().retries >= 3)
})

test('an owner that is away is waited for, whether it claims again or not', async (t) => {
  const world = await worldOf(t, 1)
  const shard = new WorldShard()
  shard.push('thin', idsFrom(1, 5), 2)
  const client = world.client()
  const pull = rowPull(0, 'thin', idsFrom(1, 9))
  const early = client.pull(0, [pull], endless)
  const first = await world.owner()
  first.owned.set(0, shard)
  await world.claim(0, first)
  await early
  assertFilled([pull], [shard])
  assert.equal(client.counts().waits, 1)

  const port = Number(first.server.address.split(':').at(-1))
  await first.server.close()
  const again = rowPull(0, 'thin', idsFrom(1, 9))
  const pulled = client.pull(0, [again], endless)
  const dense = client.pullDense(0, -1, endless)
  while (client.counts().retries < 3) await new Promise((resolve) => setImmediate(resolve))
  // Back at its address with the bucket not restored yet, then restored.
  const back = await world.owner({ port, before: () => void (back.calls.length > 2 && back.owned.set(0, shard)) })
  await pulled
  await dense
  assertFilled([again], [shard])

  await back.server.close()
  const last = rowPull(0, 'thin', idsFrom(1, 9))
  const waiting = client.pull(0, [last], endless)
  const heir = await world.owner()
  heir.owned.set(0, shard)
  await world.claim(0, heir)
  await waiting
  assertFilled([last], [shard])
})

test('a pull ends when it is given up: without an owner, while an owner is away, and while one is asked', async (t) => {
  const world = await worldOf(t, 3)
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const silent = await world.owner({
    before: () => {
      ask()
      return new Promise(() => {})
    },
  })
  const away = await world.owner()
  await world.claim(0, silent)
  await world.claim(1, away)
  await away.server.close()
  const client = world.client({ deadlineMs: 3_600_000 })
  const control = new AbortController()
  const ended = [0, 1, 2].map(async (bucket) => {
    const pull = rowPull(bucket, 'wide', idsFrom(1, 3))
    await assert.rejects(client.pull(0, [pull], control.signal), { code: 'stopped' })
    assert.ok(pull.out.every(Number.isNaN))
  })
  ended.push(assert.rejects(client.pullDense(0, 0, control.signal), { code: 'stopped' }))
  await asked
  control.abort()
  await Promise.all(ended)
  await assert.rejects(client.pull(0, [rowPull(0, 'wide', idsFrom(1, 3))], control.signal), { code: 'stopped' })
})

test('an owner past its limit of calls slows its callers down and loses none of them', async (t) => {
  const world = await worldOf(t, 1)
  const shard = new WorldShard()
  const owner = await world.owner({
    callsInFlightMax: 1,
    before: () => new Promise((resolve) => setImmediate(resolve)),
  })
  owner.owned.set(0, shard)
  await world.claim(0, owner)
  const client = world.client()
  const pulls = Array.from({ length: 30 }, (_, index) => rowPull(0, 'odd', idsFrom(index, 7)))
  await Promise.all(pulls.map((pull) => client.pull(0, [pull], endless)))
  assertFilled(pulls, [shard])
  assert.ok(client.counts().retries > 0)
})

test('a long pull is served in slices, and notices between them that its bucket went', async (t) => {
  const world = await worldOf(t, 2)
  const shards = [new WorldShard(), new WorldShard()]
  let slices = 0
  const owner = await world.owner({
    valuesPerSliceMax: 160,
    ownedBy: (bucket) => {
      slices++
      return slices > 5 && slices < 8 ? null : shards[bucket]!
    },
  })
  await world.claim(0, owner)
  const client = world.client()
  const pull = rowPull(0, 'wide', idsFrom(1, 100))
  await client.pull(0, [pull], endless)
  assertFilled([pull], shards)
  // 10 slices after a first try of 5.
  assert.ok(slices >= 15, `${slices} slices`)
  assert.ok(client.counts().retries >= 1)
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

test('connections to owners that own nothing any more are closed', async (t) => {
  const world = await worldOf(t, 1)
  const shard = new WorldShard()
  const open = new Set<string>()
  const client = world.client({
    makeClient: (address) => {
      const connection = grpcRpcClient({ address, runtime })
      open.add(address)
      const close = () => {
        open.delete(address)
        return connection.close()
      }
      return { ...connection, close }
    },
  })
  for (let life = 0; life < 3; life++) {
    const owner = await world.owner()
    owner.owned.set(0, shard)
    await world.claim(0, owner)
    await client.pull(0, [rowPull(0, 'odd', idsFrom(1, 2))], endless)
    assert.deepEqual([...open], [owner.server.address])
  }
  await client.close()
  assert.equal(open.size, 0)
})

function dumpOf(shard: WorldShard): string[] {
  return [...shard.tables.values()].map((table) => Buffer.from(table.dump()).toString('base64'))
}
