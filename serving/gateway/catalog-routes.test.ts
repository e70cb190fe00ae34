// Videos, users and requests: what is published, changed and erased is an event; what is asked is the shard's word.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { users, videos } from '../../schemas/topics.ts'
import { injectedGateway, liked } from './fixtures/test-gateway.ts'

const video = {
  creatorId: 'creator-9',
  durationMs: 21_000,
  soundId: 'sound-1',
  hashtags: ['cats'],
  category: 'pets',
  language: 'en',
  region: 'DE',
  ageRating: 12,
  contentId: 'content-1',
  embedding: [0.5, -0.25],
  attributes: { quality: 0.5, codec: 'av1' },
}

test('a video is published whole, or with what is known', async (t) => {
  const { call, log } = await injectedGateway(t)
  const answer = await call('PUT', '/v1/videos/new-1', { ...video, playback: { mp4: 'https://cdn.example/1.mp4' } })
  assert.equal(answer.statusCode, 202)
  await call('PUT', '/v1/videos/new-2', { creatorId: 'c', durationMs: 0 })
  const [whole, bare] = await log.read(videos)
  assert.ok(whole?.type === 'VideoPublished' && bare?.type === 'VideoPublished')
  assert.deepEqual({ ...whole, ...video }, { ...whole })
  assert.deepEqual([whole.videoId, whole.eventId], ['new-1', answer.json().eventId])
  assert.deepEqual({ ...whole.playback }, { mp4: 'https://cdn.example/1.mp4', hls: null, poster: null })
  assert.deepEqual([bare.hashtags, bare.soundId, bare.playback, { ...bare.attributes }], [[], null, null, {}])
})

const misfits: [body: object, field: string][] = [
  [{ ...video, creatorId: undefined }, 'creatorId'],
  [{ ...video, durationMs: '21' }, 'durationMs'],
  [{ ...video, durationMS: 21 }, 'durationMS'],
  [{ ...video, embedding: [] }, 'embedding'],
  [{ ...video, embedding: Array(1_025).fill(0) }, 'embedding'],
  [{ ...video, hashtags: ['a', ''] }, 'hashtags.1'],
  [{ ...video, attributes: { deep: {} } }, 'attributes.deep'],
]
test('a video that does not fit is refused naming the field', async (t) => {
  const { call, log } = await injectedGateway(t)
  for (const [body, field] of misfits) {
    const answer = await call('PUT', '/v1/videos/new-1', body)
    const { code, field: named } = answer.json().error
    assert.deepEqual([answer.statusCode, code, named], [400, 'invalid-request', field])
  }
  assert.equal((await log.read(videos)).length, 0)
})

test('a video is taken down with its reason', async (t) => {
  const { call, log } = await injectedGateway(t)
  assert.equal((await call('DELETE', '/v1/videos/video-1?reason=copyright')).statusCode, 202)
  const [record] = await log.read(videos)
  assert.ok(record?.type === 'VideoTakenDown')
  assert.deepEqual([record.videoId, record.reason, record.by], ['video-1', 'copyright', null])
})

test('the state of a video, by any shard that knows it, else 404', async (t) => {
  const { call } = await injectedGateway(t)
  const known = await call('GET', '/v1/videos/video-1')
  assert.deepEqual([known.statusCode, known.json().state, known.json().hashtags], [200, 'published', ['cooking']])
  const unknown = await call('GET', '/v1/videos/never')
  assert.deepEqual(
    [unknown.statusCode, unknown.json().error.code, unknown.json().error.field],
    [404, 'video-unknown', 'id'],
  )
})

test('ids may hold any character', async (t) => {
  const { call, log } = await injectedGateway(t)
  const id = 'ü/%?'.repeat(64)
  assert.equal(
    (await call('PUT', `/v1/videos/${encodeURIComponent(id)}`, { creatorId: 'c', durationMs: 1 })).statusCode,
    202,
  )
  const [record] = await log.read(videos)
  assert.ok(record?.type === 'VideoPublished' && record.videoId === id)
})

test('a user joins, changes the whole profile, and is erased', async (t) => {
  const { call, log } = await injectedGateway(t)
  const profile = { region: 'DE', language: 'de', birthYear: 1990, interests: ['cats'], attributes: { plan: 'free' } }
  await call('PUT', '/v1/users/ada', profile)
  await call('PUT', '/v1/users/ada', {})
  await call('DELETE', '/v1/users/ada')
  await call('PUT', '/v1/users/ada', {})
  const records = await log.read(users)
  assert.deepEqual(
    records.map(({ type }) => type),
    ['UserJoined', 'ProfileChanged', 'UserErased', 'UserJoined'],
  )
  const [joined, changed] = records
  assert.ok(joined?.type === 'UserJoined' && changed?.type === 'ProfileChanged')
  assert.deepEqual(
    { ...joined, ...profile, attributes: { ...joined.attributes } },
    { ...joined, attributes: profile.attributes },
  )
  assert.deepEqual(
    [changed.region, changed.birthYear, changed.interests, { ...changed.attributes }],
    [null, null, [], {}],
  )
})

test('an erased user’s writes are not remembered', async (t) => {
  const { call, events, shard } = await injectedGateway(t)
  await events(liked())
  await call('DELETE', '/v1/users/ada')
  await call('GET', '/v1/feed?user=ada')
  assert.equal(shard.requests[0]!.reflect, null)
})

test('a user that does not fit is refused', async (t) => {
  const { call } = await injectedGateway(t)
  const answer = await call('PUT', '/v1/users/ada', { birthyear: 1990 })
  assert.deepEqual([answer.statusCode, answer.json().error.field], [400, 'birthyear'])
  assert.match(answer.json().error.remedy, /did you mean birthYear\?/)
})

test('a request is explained by the shard that served it, else 404', async (t) => {
  const { call } = await injectedGateway(t)
  const { requestId } = (await call('GET', '/v1/feed?user=ada&limit=2')).json()
  const explained = await call('GET', `/v1/requests/${requestId}`)
  assert.equal(explained.statusCode, 200)
  assert.deepEqual([explained.json().userId, explained.json().entries.length], ['ada', 2])
  const unknown = await call('GET', '/v1/requests/never')
  assert.deepEqual([unknown.statusCode, unknown.json().error.code], [404, 'request-unknown'])
})
