// A shard asked over remote calls does what it does in its own thread, alone and behind one that is away; its messages come
// back as they went.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { grpcRpcClient, grpcRpcServer } from '../streams/rpc/grpc-rpc.ts'
import type { RpcClient } from '../streams/rpc/rpc.ts'
import { systemRuntime as runtime } from '../streams/runtime/system-runtime.ts'
import { failoverShard } from './failover-shard.ts'
import { ShardWorld } from './feed/shard-world.ts'
import { remoteServingShard } from './remote-shard.ts'
import { describeServingShard } from './serving-shard.suite.ts'
import type { ServingShard } from './shard.ts'
import { shardMethods } from './shard-methods.ts'
import { decodeFeedOutcome, decodeFeedRequest, decodeJson, encodeFeedOutcome, encodeJson } from './shard-wire.ts'

const deadlineMs = 20_000
const closers: (() => Promise<void>)[] = []
after(async () => {
  for (const close of closers.reverse()) await close()
})

async function servedOver(shard: ServingShard): Promise<{ readonly client: RpcClient; close(): Promise<void> }> {
  const server = await grpcRpcServer({ host: '127.0.0.1', port: 0, methods: shardMethods(shard), runtime })
  const client = grpcRpcClient({ address: server.address, runtime })
  closers.push(
    () => server.close(),
    () => client.close(),
  )
  return { client, close: () => server.close() }
}

/** The world as it is, its shard asked as `asked` says. */
const withShard = (world: ShardWorld, asked: ServingShard): ShardWorld =>
  Object.defineProperty(world, 'shard', { value: { ...world.shard, ...asked } })

describeServingShard('of another process', async (options) => {
  const world = new ShardWorld(options)
  const { client } = await servedOver(world.shard)
  return withShard(world, remoteServingShard(client, { deadlineMs }))
})

describeServingShard('of another process, behind one that is away', async (options) => {
  const world = new ShardWorld(options)
  const { client } = await servedOver(world.shard)
  const away = await servedOver(world.shard)
  await away.close()
  const shards = [away.client, client].map((each) => remoteServingShard(each, { deadlineMs }))
  return withShard(world, failoverShard(shards, { clock: runtime.clock }))
})

test('a page comes back as it went, with the bytes that the log will hold', async () => {
  const world = new ShardWorld()
  for (let number = 0; number < 20; number++) world.publish(`v${number}`)
  const outcome = await world.shard.feed(world.request('ann', { explain: true }))
  assert.ok(outcome.status === 'ok' && outcome.page.served)
  const back = decodeFeedOutcome(encodeFeedOutcome(outcome))
  assert.ok(back.status === 'ok' && back.page.served)
  assert.deepEqual({ ...back.page, served: null }, { ...outcome.page, served: null })
  assert.deepEqual(encodeFeedOutcome(back), encodeFeedOutcome(outcome))
  const again = { status: 'ok' as const, page: { ...outcome.page, served: null } }
  assert.deepEqual(decodeFeedOutcome(encodeFeedOutcome(again)), again)
  const refused = { status: 'bad-cursor', reason: 'Größe' } as const
  assert.deepEqual(decodeFeedOutcome(encodeFeedOutcome(refused)), refused)
})

test('numbers that JSON does not know come through', () => {
  const value = { scores: [Number.NaN, Number.POSITIVE_INFINITY, -1.5, null], deep: { low: Number.NEGATIVE_INFINITY } }
  assert.deepEqual(decodeJson(encodeJson(value)), value)
})

test('what makes no sense is refused as such', async () => {
  const { client } = await servedOver(new ShardWorld().shard)
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('feed', 'video', 'explain'),
      fc.uint8Array({ maxLength: 30 }),
      async (method, bytes) => {
        // A lone number is JSON too, and names no video.
        const answer = await client.call(`shard.${method}`, bytes, { deadlineMs }).then(
          (found) => decodeJson(found),
          (error: { code: string }) => error.code,
        )
        assert.ok(answer === 'usage' || (answer === null && method !== 'feed'))
      },
    ),
  )
  const request = new ShardWorld().request('ann')
  assert.deepEqual(decodeFeedRequest(encodeJson(request)), request)
  for (const damaged of [
    null,
    [],
    'x',
    {},
    { ...request, limit: '1' },
    { ...request, limit: 0 },
    { ...request, userId: 1 },
  ]) {
    assert.throws(() => decodeFeedRequest(encodeJson(damaged)), { code: 'usage' })
  }
  const bytes = encodeFeedOutcome({ status: 'bad-cursor', reason: 'x' })
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (place, value, isCut) => {
      const damaged = isCut ? bytes.slice(0, place) : bytes.slice()
      if (!isCut) damaged[place] = value
      try {
        assert.equal(decodeFeedOutcome(damaged).status, 'bad-cursor')
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'usage', String(error))
      }
    }),
    { numRuns: 300 },
  )
})
