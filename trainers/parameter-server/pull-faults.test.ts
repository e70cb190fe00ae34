// What happens to owners while they are pulled from: they move, stop, go away and come back, refuse. The pull waits, follows
// the claims, and gives the same rows; it ends early only where the caller gives up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grpcRpcClient } from '../../streams/rpc/grpc-rpc.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { assertFilled, idsFrom, rowPull, WorldShard, worldOf } from './pull-world.ts'

const endless = new AbortController().signal

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

  const closing = [0, 1, 2].map((bucket) => client.pull(0, [rowPull(bucket, 'wide', idsFrom(1, 3))], endless))
  closing.push(client.pullDense(0, 0, endless).then(() => new Map()))
  const all = Promise.all(closing.map((pull) => assert.rejects(pull, { code: 'stopped' })))
  await client.close()
  await all
  await assert.rejects(client.pull(0, [rowPull(0, 'wide', idsFrom(1, 3))], endless), { code: 'stopped' })
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
