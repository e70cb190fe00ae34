// The SDK against the real gateway: nothing lost, nothing doubled, pages that reflect what was tracked, a pushed feed.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { interactions } from '../../schemas/topics.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { listeningGateway } from '../gateway/fixtures/test-gateway.ts'
import { FreshetApiError } from './api-call.ts'
import type { FeedPage, RefusedEvent, UserEvent } from './api-types.ts'
import { drawEventId } from './event-id.ts'
import type { StreamEntry } from './feed-stream.ts'
import { freshetClient } from './freshet-client.ts'

const skip = (page: FeedPage, index = 0): UserEvent => {
  const { videoId, position, playback } = page.entries[index]!
  return {
    type: 'VideoSkipped',
    videoId,
    requestId: page.requestId,
    position,
    watchTimeMs: 700,
    durationMs: playback.durationMs,
  }
}

async function setUp(t: Parameters<typeof listeningGateway>[0], flushMs = 60_000) {
  // The client stamps events with the device's clock.
  const served = await listeningGateway(t, {}, Date.now())
  const refused: RefusedEvent[] = []
  const slept: number[] = []
  const client = freshetClient({
    baseUrl: `${served.gateway.url}/`,
    userId: 'ada',
    flushMs,
    sleep: async (ms) => void slept.push(ms),
    onRefused: (one) => refused.push(one),
  })
  t.after(() => client.close())
  return { ...served, client, refused, slept }
}

test('a page, then the next without repeats that reflects what was tracked', async (t) => {
  const { client, shard } = await setUp(t)
  const first = await client.feed({ limit: 4, explain: true })
  assert.ok(first.entries[0]?.scores)
  client.track(skip(first))
  assert.equal(client.waiting, 1)
  const second = await client.next(first, { limit: 4 })
  assert.equal(client.waiting, 0)
  const skipped = shard.catalogue.get(first.entries[0]!.videoId)!.hashtags[0]
  for (const { videoId } of second!.entries) {
    assert.notEqual(shard.catalogue.get(videoId)!.hashtags[0], skipped)
    assert.ok(!first.entries.some((entry) => entry.videoId === videoId))
  }
  assert.equal(await client.next({ ...first, cursor: null }), null)
})

test('a batch that fails is sent again and is in the log once, also when the answer was lost', async (t) => {
  const { client, log, slept } = await setUp(t)
  const page = await client.feed()
  client.track(skip(page))
  client.track({ type: 'VideoLiked', videoId: page.entries[1]!.videoId })
  log.failNext(2, new FreshetError('overloaded', 'busy; wait'))
  const real = globalThis.fetch
  t.mock.method(globalThis, 'fetch', async (...call: Parameters<typeof fetch>) => {
    const answer = await real(...call)
    // The first answer that says yes is lost on its way.
    if (!answer.ok) return answer
    t.mock.restoreAll()
    throw new TypeError('connection reset')
  })
  await client.flush()
  // Busy twice, each time as long as Retry-After says; then the lost answer, which named no time.
  assert.deepEqual(
    slept.map((ms) => ms >= 1_000),
    [true, true, false],
  )
  const records = await log.read(interactions)
  assert.deepEqual(
    records.map(({ type }) => type),
    ['FeedServed', 'VideoSkipped', 'VideoLiked'],
  )
  assert.equal(client.waiting, 0)
})

test('an event the gateway will never take is told, the others are in', async (t) => {
  const { client, log, refused } = await setUp(t)
  client.track({ type: 'VideoLiked', videoId: '' })
  const eventId = client.track({ type: 'InterestsReset' })
  await client.flush()
  assert.deepEqual(
    refused.map(({ event, code }) => [event.type, code]),
    [['VideoLiked', 'invalid-field']],
  )
  const [record] = await log.read(interactions)
  assert.ok(record?.type === 'InterestsReset' && record.eventId === eventId)
})

test('errors carry code, field and remedy; no answer is an error that may pass', async (t) => {
  const { client, gateway } = await setUp(t)
  await assert.rejects(client.feed({ limit: 99 }), (error) => {
    return (
      error instanceof FreshetApiError &&
      error.code === 'invalid-request' &&
      error.field === 'limit' &&
      !error.retryable
    )
  })
  await gateway.close()
  await assert.rejects(client.feed(), { code: 'unreachable', retryable: true })
})

test('events go out by themselves', async (t) => {
  const { client, log } = await setUp(t, 1)
  client.track({ type: 'InterestsReset' })
  while (log.appends === 0) await new Promise(setImmediate)
  await client.flush()
  assert.equal((await log.read(interactions)).length, 1)
})

test('a stream: entries ahead, replaced after an event, and events left over go by HTTP', async (t) => {
  const { client, log, gateway } = await setUp(t)
  const seen: (readonly StreamEntry[])[] = []
  let changed = Promise.withResolvers<void>()
  let closed = Promise.withResolvers<void>()
  const stream = client.stream(
    { limit: 4 },
    {
      onAhead(ahead) {
        seen.push(ahead)
        changed.resolve()
        changed = Promise.withResolvers<void>()
      },
      onClose: () => closed.resolve(),
    },
  )
  await changed.promise
  const first = stream.current!
  assert.equal(seen[0]!.length, 3)
  stream.track({
    type: 'VideoSkipped',
    videoId: first.videoId,
    requestId: first.requestId,
    position: 0,
    watchTimeMs: 500,
    durationMs: 15_000,
  })
  const onScreen = stream.advance()!
  await changed.promise
  assert.equal(stream.current, onScreen, 'what is on screen stays')
  assert.notEqual(seen.at(-1)![0]!.requestId, first.requestId, 'what is ahead is new')
  assert.equal(stream.advance(), seen.at(-1)![0])

  closed = Promise.withResolvers<void>()
  stream.close()
  await closed.promise
  stream.track({ type: 'VideoLiked', videoId: onScreen.videoId })
  assert.equal(client.waiting, 1)
  await client.flush()
  assert.equal((await log.read(interactions)).filter(({ type }) => type === 'VideoLiked').length, 1)
  assert.ok(gateway.port > 0)
})

test('event ids are UUIDv7 of their time, and differ', () => {
  const ids = Array.from({ length: 100 }, () => drawEventId(1_700_000_000_000))
  assert.equal(new Set(ids).size, 100)
  for (const id of ids) assert.match(id, /^018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('the SDK needs nothing of Node and nothing from elsewhere', async () => {
  const folder = new URL('.', import.meta.url)
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue
    const source = await readFile(new URL(name, folder), 'utf8')
    for (const [, from] of source.matchAll(/from '([^']+)'/g)) assert.match(from!, /^\.\/[a-z-]+\.ts$/, name)
    assert.doesNotMatch(source, /\b(process|Buffer|require)\b\./, name)
  }
})
