// Feeds: defaults, limits and cursors; a page is in the log before it goes out, or says that it is not and gets there once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interactions } from '../../schemas/topics.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { injectedGateway, liked } from './fixtures/test-gateway.ts'

test('a page with defaults, its record in the log first', async (t) => {
  const { call, log, shard } = await injectedGateway(t)
  const answer = await call('GET', '/v1/feed?user=ada')
  assert.equal(answer.statusCode, 200)
  const page = answer.json()
  assert.equal(page.entries.length, 10)
  assert.deepEqual(Object.keys(page), ['requestId', 'entries', 'cursor', 'versions'])
  const [asked] = shard.requests
  const { requestId, seed: _seed, receivedTimeMs: _time, ...rest } = asked!
  assert.equal(requestId, page.requestId)
  assert.deepEqual(rest, {
    userId: 'ada',
    limit: 10,
    feed: 'foryou',
    cursor: null,
    surface: 'app',
    device: 'unknown',
    network: 'unknown',
    language: null,
    region: null,
    explain: false,
    reflect: null,
  })
  const [record] = await log.read(interactions)
  assert.ok(record?.type === 'FeedServed' && record.requestId === page.requestId)
})

test('what is asked for reaches the shard; explain brings scores and reasons', async (t) => {
  const { call, shard } = await injectedGateway(t)
  const query = 'user=ada&limit=3&feed=following&surface=tab&device=phone&network=4g&language=de&region=AT&explain=1'
  const page = (await call('GET', `/v1/feed?${query}`)).json()
  const { limit, feed, surface, device, network, language, region, explain } = shard.requests[0]!
  assert.deepEqual(
    [limit, feed, surface, device, network, language, region, explain],
    [3, 'following', 'tab', 'phone', '4g', 'de', 'AT', true],
  )
  assert.deepEqual([page.entries[0].scores.like, page.entries[0].reasons.length], [0.1, 1])
})

test('a cursor asked again gives the same page and no second record; the next does not repeat', async (t) => {
  const { call, log } = await injectedGateway(t)
  const first = (await call('GET', '/v1/feed?user=ada&limit=5')).json()
  const next = `/v1/feed?user=ada&limit=5&cursor=${encodeURIComponent(first.cursor)}`
  const second = (await call('GET', next)).json()
  assert.deepEqual((await call('GET', next)).json(), second)
  assert.equal((await log.read(interactions)).length, 2)
  const ids = [...first.entries, ...second.entries].map(({ videoId }) => videoId)
  assert.equal(new Set(ids).size, 10)
})

const refused: [query: string, field: string][] = [
  ['', 'user'],
  ['user=', 'user'],
  ['user=ada&limit=0', 'limit'],
  ['user=ada&limit=51', 'limit'],
  ['user=ada&limit=ten', 'limit'],
  ['user=ada&feed=friends', 'feed'],
  ['user=ada&explain=yes', 'explain'],
  ['user=ada&curser=x', 'curser'],
]
test('a query that does not fit is refused with its field', async (t) => {
  const { call } = await injectedGateway(t)
  for (const [query, field] of refused) {
    const answer = await call('GET', `/v1/feed?${query}`)
    const { error } = answer.json()
    assert.deepEqual([answer.statusCode, error.code, error.field], [400, 'invalid-request', field], query)
    assert.ok(error.remedy.length > 0)
  }
  assert.equal((await call('HEAD', '/v1/feed?user=ada')).statusCode, 404, 'a page has effects')
})

test('a cursor of someone else is a bad cursor', async (t) => {
  const { call, registry } = await injectedGateway(t)
  const { cursor } = (await call('GET', '/v1/feed?user=ada')).json()
  const answer = await call('GET', `/v1/feed?user=bob&cursor=${encodeURIComponent(cursor)}`)
  assert.deepEqual(
    [answer.statusCode, answer.json().error.code, answer.json().error.field],
    [400, 'bad-cursor', 'cursor'],
  )
  assert.match(await registry.metrics(), /feed_seconds_count\{outcome="bad-cursor"\} 1/)
})

test('a page asks the shard to reflect what the user was told is in', async (t) => {
  const { call, events, shard } = await injectedGateway(t)
  await events(liked(), liked(), liked({ userId: 'bob' }))
  await call('GET', '/v1/feed?user=ada')
  const { reflect } = shard.requests[0]!
  assert.ok(reflect && reflect.next >= 2)
  await call('GET', '/v1/feed?user=ada')
  assert.deepEqual(
    shard.requests[1]!.reflect,
    { partition: reflect.partition, next: reflect.next + 1 },
    'its own page too',
  )
  await call('GET', '/v1/feed?user=carol')
  assert.equal(shard.requests[2]!.reflect, null)
})

test('a log that stalls: the page goes out flagged after 20 ms, and its record lands once', async (t) => {
  const { call, log, runtime, registry } = await injectedGateway(t)
  log.stall()
  const asking = call('GET', '/v1/feed?user=ada')
  while (log.appends === 0) await new Promise(setImmediate)
  await runtime.advance(20)
  const page = (await asking).json()
  assert.equal(page.unlogged, true)
  assert.equal(page.entries.length, 10)
  assert.match(await registry.metrics(), /pages_total\{record="unlogged"\} 1/)
  log.resume()
  await runtime.advance(60_000)
  const records = await log.read(interactions)
  assert.deepEqual(
    records.map((record) => record.type),
    ['FeedServed'],
  )
  assert.match(await registry.metrics(), /page_records_waiting 0/)
})

test('a log that refuses for a while: tried again until the record is in, once', async (t) => {
  const { call, log, runtime } = await injectedGateway(t)
  log.failNext(3, new FreshetError('log-unavailable', 'away; wait'))
  const asking = call('GET', '/v1/feed?user=ada')
  while (log.appends === 0) await new Promise(setImmediate)
  await runtime.advance(20)
  assert.equal((await asking).json().unlogged, true)
  await runtime.advance(10_000)
  assert.equal(log.appends, 4)
  assert.equal((await log.read(interactions)).length, 1)
})

test('a record the log will never take is counted as lost and said', async (t) => {
  const { call, log, registry, unexpected } = await injectedGateway(t)
  log.failNext(1, new FreshetError('record-too-large', 'too large; smaller'))
  assert.equal((await call('GET', '/v1/feed?user=ada')).json().unlogged, true)
  assert.equal(unexpected.length, 1)
  assert.match(await registry.metrics(), /page_records_lost_total 1/)
})

test('records waiting are bounded; past the bound pages still go out', async (t) => {
  const { call, log, runtime, registry } = await injectedGateway(t, { limits: { servedWaitingMax: 1 } })
  log.stall()
  const first = call('GET', '/v1/feed?user=ada')
  while (log.appends === 0) await new Promise(setImmediate)
  assert.equal((await call('GET', '/v1/feed?user=ada')).json().unlogged, true)
  await runtime.advance(20)
  assert.equal((await first).statusCode, 200)
  assert.match(await registry.metrics(), /page_records_lost_total 1/)
  log.resume()
})

test('a shard that is late or away is 503', async (t) => {
  const { call, shard, runtime } = await injectedGateway(t)
  const late = Promise.withResolvers<void>()
  shard.before = () => late.promise
  const asking = call('GET', '/v1/feed?user=ada')
  while (shard.requests.length === 0) await new Promise(setImmediate)
  await runtime.advance(2_000)
  const answer = await asking
  assert.deepEqual(
    [answer.statusCode, answer.json().error.code, answer.headers['retry-after']],
    [503, 'shard-unavailable', '1'],
  )
  shard.before = async () => {
    throw new FreshetError('shard-unavailable', 'moving; wait')
  }
  assert.equal((await call('GET', '/v1/feed?user=ada')).json().error.code, 'shard-unavailable')
  late.resolve()
})

test('past the bound on feeds the next is told to come back', async (t) => {
  const { call, shard, registry } = await injectedGateway(t, { limits: { feedsInFlightMax: 1 } })
  const held = Promise.withResolvers<void>()
  shard.before = () => held.promise
  const first = call('GET', '/v1/feed?user=ada')
  while (shard.requests.length === 0) await new Promise(setImmediate)
  const second = await call('GET', '/v1/feed?user=ada')
  assert.deepEqual(
    [second.statusCode, second.json().error.code, second.headers['retry-after']],
    [503, 'overloaded', '1'],
  )
  assert.match(await registry.metrics(), /turned_away_total\{what="feed requests"\} 1/)
  held.resolve()
  assert.equal((await first).statusCode, 200)
})

test('an error nobody foresaw says nothing of the inside', async (t) => {
  const { call, shard, unexpected } = await injectedGateway(t)
  shard.before = async () => {
    throw new Error('secret')
  }
  const answer = await call('GET', '/v1/feed?user=ada')
  assert.deepEqual([answer.statusCode, answer.json().error.code], [500, 'internal'])
  assert.doesNotMatch(answer.body, /secret/)
  assert.equal(unexpected.length, 1)
})
