// Events: what is taken, what is refused and how it is said, what is already known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interactions } from '../../schemas/topics.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { clientEventTypes } from './event-bodies.ts'
import { rejectionCodes } from './event-intake.ts'
import { injectedGateway, liked } from './fixtures/test-gateway.ts'

const shown = { userId: 'ada', videoId: 'video-1', requestId: 'request-1', position: 2 }
const whole: Record<string, object> = {
  VideoWatched: { ...shown, watchTimeMs: 14_000, durationMs: 15_000, completed: true, replays: 1 },
  VideoSkipped: { ...shown, watchTimeMs: 900, durationMs: 15_000 },
  VideoLiked: { ...shown, withdrawn: true },
  VideoShared: { ...shown, channel: 'mail' },
  VideoSaved: shown,
  VideoCommented: { ...shown, commentId: 'comment-1', text: 'well said' },
  CreatorFollowed: { ...shown, creatorId: 'creator-1' },
  NotInterested: { ...shown, reason: 'again' },
  InterestsReset: { userId: 'ada' },
  VideoReported: { ...shown, reason: 'harm' },
}

test('every type of event is in the log as it was sent when 202 comes', async (t) => {
  const { events, log, runtime } = await injectedGateway(t)
  assert.deepEqual(Object.keys(whole), clientEventTypes)
  const sent = clientEventTypes.map((type) => ({ type, ...whole[type] }))
  assert.deepEqual(await events(...sent), { accepted: sent.length, duplicates: 0, rejected: [] })
  const records = await log.read(interactions)
  const nowMs = runtime.clock.nowMs()
  for (const [index, record] of records.entries()) {
    assert.deepEqual({ ...record, ...sent[index] }, { ...record })
    assert.ok('eventId' in record && record.eventId.length === 36)
    assert.deepEqual([record.eventTimeMs, record.receivedTimeMs], [nowMs, nowMs])
  }
})

test('fields left out, or null, mean nothing was said', async (t) => {
  const { events, log } = await injectedGateway(t)
  await events(
    liked({ requestId: null, position: null }),
    { type: 'VideoWatched', userId: 'ada', videoId: 'v', watchTimeMs: 9_000, durationMs: 9_000 },
    { type: 'CreatorFollowed', userId: 'ada', creatorId: 'c' },
  )
  const [like, watched, followed] = await log.read(interactions)
  assert.ok(like?.type === 'VideoLiked' && watched?.type === 'VideoWatched' && followed?.type === 'CreatorFollowed')
  assert.deepEqual([like.requestId, like.position, like.withdrawn], [null, null, false])
  assert.deepEqual([watched.completed, watched.replays, watched.givenLabels], [true, 0, {}])
  assert.deepEqual([followed.videoId, followed.withdrawn], [null, false])
})

test('an event sent again takes effect once, in one batch or two', async (t) => {
  const { events, log } = await injectedGateway(t)
  const one = liked({ eventId: 'event-1' })
  assert.deepEqual(await events(one, one), { accepted: 1, duplicates: 1, rejected: [] })
  assert.deepEqual(await events(one, liked({ eventId: 'event-2' })), { accepted: 1, duplicates: 1, rejected: [] })
  assert.equal((await log.read(interactions)).length, 2)
})

const refusals: [code: string, event: unknown, says: RegExp][] = [
  ['not-an-object', 4, /JSON object/],
  ['not-an-object', [liked()], /JSON object/],
  ['unknown-type', liked({ type: 'VideoLikd' }), /did you mean VideoLiked\?/],
  ['unknown-type', liked({ type: 'FeedServed' }), /not one a client sends/],
  ['unknown-type', liked({ type: 7 }), /types are VideoWatched/],
  ['unknown-type', liked({ type: 'constructor' }), /types are/],
  ['missing-field', { userId: 'ada' }, /type is missing/],
  ['missing-field', { type: 'VideoSkipped', ...shown, durationMs: 1 }, /watchTimeMs is missing; send watchTimeMs/],
  ['unknown-field', liked({ vidoeId: 'v' }), /vidoeId; did you mean videoId\?/],
  [
    'unknown-field',
    { type: 'VideoLiked', userId: 'ada', video: 'v' },
    /there is no field video; did you mean videoId\?/,
  ],
  ['invalid-field', { ...whole.VideoSkipped, type: 'VideoSkipped', watchTimeMs: -1 }, /watchTimeMs must be >= 0; send/],
  ['invalid-field', { ...whole.VideoSkipped, type: 'VideoSkipped', watchTimeMs: '900' }, /watchTimeMs must be integer/],
  ['invalid-field', { ...whole.VideoSkipped, type: 'VideoSkipped', watchTimeMs: 1.5 }, /whole milliseconds/],
  ['invalid-field', liked({ userId: '' }), /userId must NOT have fewer/],
  ['invalid-field', liked({ eventId: 'e'.repeat(65) }), /eventId/],
]

test('an event is refused with its code, its field and the remedy; the rest of its batch is taken', async (t) => {
  const { events } = await injectedGateway(t)
  for (const [code, event, says] of refusals) {
    const { accepted, rejected } = await events(event, liked())
    assert.equal(accepted, 1)
    assert.deepEqual([rejected[0]?.index, rejected[0]?.code], [0, code], JSON.stringify(event))
    assert.match(rejected[0]!.message, says)
    assert.deepEqual(Object.keys(rejected[0]!), ['index', 'code', 'message'])
  }
})

test('times: 24 h back and 5 min ahead are taken, a millisecond more is not', async (t) => {
  const { events, runtime } = await injectedGateway(t)
  const nowMs = runtime.clock.nowMs()
  const at = (ms: number) => liked({ eventTimeMs: nowMs + ms })
  const { accepted, rejected } = await events(at(-86_400_000), at(-86_400_001), at(300_000), at(300_001))
  assert.equal(accepted, 2)
  assert.deepEqual(
    rejected.map(({ index, code }) => [index, code]),
    [
      [1, 'event-too-old'],
      [3, 'event-too-far-ahead'],
    ],
  )
})

test('every code of refusal is tested', () => {
  const tested = new Set([...refusals.map(([code]) => code), 'event-too-old', 'event-too-far-ahead', 'user-mismatch'])
  assert.deepEqual([...tested].sort(), [...rejectionCodes].sort())
})

test('a batch of 1,000 is taken, one more is too many', async (t) => {
  const { call, log } = await injectedGateway(t)
  const batch = Array.from({ length: 1_001 }, () => liked())
  const refused = await call('POST', '/v1/events', { events: batch })
  assert.deepEqual([refused.statusCode, refused.json().error.code], [413, 'too-many-events'])
  assert.equal((await log.read(interactions)).length, 0)
  assert.equal((await call('POST', '/v1/events', { events: batch.slice(1) })).json().accepted, 1_000)
})

test('an empty batch changes nothing', async (t) => {
  const { events, log } = await injectedGateway(t)
  assert.deepEqual(await events(), { accepted: 0, duplicates: 0, rejected: [] })
  assert.equal(log.appends, 0)
})

test('a log that is overloaded or away answers 503 with Retry-After, and counts nothing', async (t) => {
  const { call, log, registry } = await injectedGateway(t)
  for (const code of ['overloaded', 'log-unavailable'] as const) {
    log.failNext(1, new FreshetError(code, 'busy; wait'))
    const answer = await call('POST', '/v1/events', { events: [liked()] })
    assert.deepEqual([answer.statusCode, answer.json().error.code, answer.headers['retry-after']], [503, code, '1'])
  }
  assert.doesNotMatch(await registry.metrics(), /events_total\{outcome="accepted"\} [1-9]/)
})

test('an append that is not acknowledged in time is 503; sent again, its events are there once', async (t) => {
  const { call, log, runtime } = await injectedGateway(t)
  log.stall()
  const answering = call('POST', '/v1/events', { events: [liked({ eventId: 'event-1' })] })
  while (log.appends === 0) await new Promise(setImmediate)
  await runtime.advance(10_000)
  assert.equal((await answering).json().error.code, 'log-unavailable')
  log.resume()
  await call('POST', '/v1/events', { events: [liked({ eventId: 'event-1' })] })
  assert.equal((await log.read(interactions)).length, 1)
})

test('past the bound on appends the next is told to come back, and the first still lands', async (t) => {
  const { call, log, registry } = await injectedGateway(t, { limits: { appendsInFlightMax: 1 } })
  log.stall()
  const first = call('POST', '/v1/events', { events: [liked()] })
  while (log.appends === 0) await new Promise(setImmediate)
  const second = await call('POST', '/v1/events', { events: [liked()] })
  assert.deepEqual([second.statusCode, second.json().error.code], [503, 'overloaded'])
  assert.match(await registry.metrics(), /appends_in_flight 1/)
  log.resume()
  assert.equal((await first).statusCode, 202)
})

test('counts what was taken, and refusals by code', async (t) => {
  const { events, registry } = await injectedGateway(t)
  await events(liked({ eventId: 'e' }), liked({ eventId: 'e' }), liked({ type: 'x' }))
  const text = await registry.metrics()
  for (const outcome of ['accepted', 'duplicate', 'rejected'])
    assert.match(text, new RegExp(`events_total\\{outcome="${outcome}"\\} 1`))
  assert.match(text, /event_rejections_total\{code="unknown-type"\} 1/)
})
