// A question is answered while any shard is well; one that failed is left alone until it says that it is ready.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, FreshetError } from '../streams/runtime/errors.ts'
import { nextTurn } from '../streams/runtime/next-turn.ts'
import { simulatedRuntime } from '../streams/runtime/simulated-runtime.ts'
import { failoverShard } from './failover-shard.ts'
import { ShardWorld } from './feed/shard-world.ts'
import type { ServingShard, ShardStatus } from './shard.ts'

/** A real shard that can be made to fail, and says what it was asked. */
function breakable(name: string, story: string[]) {
  const world = new ShardWorld()
  for (let number = 0; number < 30; number++) world.publish(`v${number}`)
  const state = { failure: null as ErrorCode | null, ready: true, tookMs: 0 }
  const asked = async <T>(question: string, answer: () => Promise<T>): Promise<T> => {
    story.push(`${name} ${question}`)
    if (state.failure) throw new FreshetError(state.failure, `${name} fails`)
    return await answer()
  }
  const shard: ServingShard = {
    feed: (request) => asked('feed', () => world.shard.feed(request)),
    video: (videoId) => asked('video', () => world.shard.video(videoId)),
    explain: (requestId) => asked('explain', () => world.shard.explain(requestId)),
    status: () =>
      asked('status', async (): Promise<ShardStatus> => ({ ...(await world.shard.status()), ready: state.ready })),
  }
  return { world, shard, state }
}

function twoShards() {
  const story: string[] = []
  const runtime = simulatedRuntime(1)
  const [first, second] = [breakable('a', story), breakable('b', story)]
  const both = failoverShard([first.shard, second.shard], {
    clock: runtime.clock,
    deadlineMs: 3_000,
    probeEveryMs: 500,
  })
  const told = () => story.splice(0)
  return { runtime, first, second, both, told }
}

test('the first answers while it is well; the next where it fails, without asking the first again', async () => {
  const { first, both, told } = twoShards()
  assert.equal((await both.feed(first.world.request('ann'))).status, 'ok')
  assert.deepEqual(told(), ['a feed'])
  for (const code of ['peer-unavailable', 'deadline-exceeded', 'shard-unavailable', 'stopped'] as const) {
    const { first: failing, both: pair, told: heard } = twoShards()
    failing.state.failure = code
    assert.equal((await pair.feed(first.world.request('ann'))).status, 'ok')
    assert.equal((await pair.video('v1'))!.videoId, 'v1')
    assert.deepEqual(heard(), ['a feed', 'b feed', 'b video'])
    assert.equal(pair.failovers, 1)
  }
})

test('a shard that failed is asked its status beside the questions, and answers again once it is ready', async () => {
  const { runtime, first, both, told } = twoShards()
  first.state.failure = 'peer-unavailable'
  await both.video('v1')
  await runtime.advance(400)
  await both.video('v1')
  assert.deepEqual(told(), ['a video', 'b video', 'b video'])
  await runtime.advance(200)
  await both.video('v1')
  assert.deepEqual(told(), ['a status', 'b video'])
  first.state.failure = null
  first.state.ready = false
  await runtime.advance(600)
  await both.video('v1')
  await nextTurn()
  await both.video('v1')
  assert.deepEqual(told(), ['a status', 'b video', 'b video'])
  first.state.ready = true
  await runtime.advance(600)
  await both.video('v1')
  await nextTurn()
  await both.video('v1')
  assert.deepEqual(told(), ['a status', 'b video', 'a video'])
})

test('where all fail, all are asked, and the error is that of the last', async () => {
  const { runtime, first, second, both, told } = twoShards()
  first.state.failure = 'peer-unavailable'
  second.state.failure = 'deadline-exceeded'
  await assert.rejects(both.video('v1'), { code: 'deadline-exceeded' })
  second.state.failure = null
  // The one that failed longest ago comes first.
  await runtime.advance(10)
  assert.ok(await both.video('v1'))
  assert.deepEqual(told(), ['a video', 'b video', 'a video', 'b video'])
  await assert.rejects(failoverShard([], { clock: runtime.clock }).video('v1'), { code: 'shard-unavailable' })
})

test('no other shard is asked once the question is too old', async () => {
  const { runtime, first, second, told } = twoShards()
  const slow: ServingShard = {
    ...first.shard,
    video: async (videoId) => {
      await runtime.advance(3_000)
      return await first.shard.video(videoId)
    },
  }
  first.state.failure = 'deadline-exceeded'
  const both = failoverShard([slow, second.shard], { clock: runtime.clock, deadlineMs: 3_000 })
  await assert.rejects(both.video('v1'), { code: 'deadline-exceeded' })
  assert.deepEqual(told(), ['a video'])
})

test('a question that is at fault is not asked again; one too many is asked elsewhere', async () => {
  const { first, both, told } = twoShards()
  first.state.failure = 'usage'
  await assert.rejects(both.video('v1'), { code: 'usage' })
  assert.deepEqual(told(), ['a video'])
  first.state.failure = 'overloaded'
  await both.video('v1')
  await both.video('v1')
  assert.deepEqual(told(), ['a video', 'b video', 'a video', 'b video'])
})

test('ready when any shard is; asked for its status, a shard that is not ready comes last', async () => {
  const { first, second, both, told } = twoShards()
  first.state.ready = false
  assert.equal((await both.status()).ready, true)
  told()
  await both.video('v1')
  assert.deepEqual(told(), ['b video'])
  second.state.failure = 'peer-unavailable'
  assert.equal((await both.status()).ready, false)
  first.state.failure = 'peer-unavailable'
  await assert.rejects(both.status(), { code: 'peer-unavailable' })
})

test('a page is explained by whichever shard remembers it', async () => {
  const { second, both, told } = twoShards()
  const page = await second.world.page('ann')
  assert.equal((await both.explain(page.requestId))!.requestId, page.requestId)
  assert.equal(await both.explain('unheard'), null)
  assert.deepEqual(told(), ['a explain', 'b explain', 'a explain', 'b explain'])
})
