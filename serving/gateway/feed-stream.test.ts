// The pushed feed over real sockets: ahead of need, replaced after events, bounded, closed cleanly.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import WebSocket from 'ws'
import { interactions } from '../../schemas/topics.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { liked, listeningGateway } from './fixtures/test-gateway.ts'
import type { StreamPage } from './stream-session.ts'

type Answer = Partial<StreamPage> & {
  accepted?: number
  duplicates?: number
  rejected?: { code: string }[]
  ref?: unknown
  error?: { code: string }
}

/** A socket whose messages are taken one by one. */
function socketOf(t: TestContext, port: number, query: string, protocols: string[] = []) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/feed/stream?${query}`, protocols)
  const came: Answer[] = []
  const waiting: ((answer: Answer) => void)[] = []
  socket.on('message', (bytes) => {
    const answer: Answer = JSON.parse(bytes.toString())
    const waiter = waiting.shift()
    if (waiter) waiter(answer)
    else came.push(answer)
  })
  socket.on('error', () => {})
  t.after(() => socket.terminate())
  return {
    socket,
    next: () =>
      came.length > 0 ? Promise.resolve(came.shift()!) : new Promise<Answer>((resolve) => waiting.push(resolve)),
    say: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    closed: () => once(socket, 'close').then(([code]) => code as number),
  }
}

/** What a refused upgrade answered. */
function refusalOf(
  port: number,
  path: string,
  options: WebSocket.ClientOptions = {},
  protocols: string[] = [],
): Promise<{ status: number; code: string }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, options)
  return new Promise((resolve, reject) => {
    socket.on('open', () => reject(new Error('it was let in')))
    socket.on('error', () => {})
    socket.on('unexpected-response', async (_request, response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve({ status: response.statusCode!, code: JSON.parse(body).error.code })
    })
  })
}

test('a page comes unasked; its record is in the log', async (t) => {
  const { gateway, log } = await listeningGateway(t)
  const { next } = socketOf(t, gateway.port, 'user=ada&limit=4')
  const { from, page } = await next()
  assert.deepEqual([from, page?.entries.length], [0, 4])
  assert.ok(page?.cursor && page.requestId && page.versions)
  assert.equal((await log.read(interactions)).length, 1)
})

test('an event is answered as over HTTP, then what is not on screen yet is replaced by what it made of the feed', async (t) => {
  const { gateway, log, shard } = await listeningGateway(t)
  const { next, say } = socketOf(t, gateway.port, 'user=ada&limit=4')
  const { page } = await next()
  const [onScreen] = page!.entries
  const skip = {
    type: 'VideoSkipped',
    userId: 'ada',
    videoId: onScreen!.videoId,
    watchTimeMs: 800,
    durationMs: 15_000,
    eventId: 'e',
  }
  say({ ref: 'r1', events: [skip, liked({ type: 'x' })] })
  const { rejected, ...answer } = await next()
  assert.deepEqual(answer, { accepted: 1, duplicates: 0, ref: 'r1' })
  assert.equal(rejected?.[0]?.code, 'unknown-type')
  const replaced = await next()
  assert.equal(replaced.from, 2, 'entry 1 is on screen now')
  const skippedTopic = shard.catalogue.get(onScreen!.videoId)!.hashtags[0]
  for (const { videoId } of replaced.page!.entries)
    assert.notEqual(shard.catalogue.get(videoId)!.hashtags[0], skippedTopic)
  assert.ok(shard.requests[1]!.reflect)
  assert.deepEqual(
    (await log.read(interactions)).map(({ type }) => type),
    ['FeedServed', 'VideoSkipped', 'FeedServed'],
  )
})

test('events of others, and messages that make no sense, are refused; the socket stays', async (t) => {
  const { gateway } = await listeningGateway(t)
  const { next, say } = socketOf(t, gateway.port, 'user=ada')
  await next()
  say('{')
  assert.equal((await next()).error?.code, 'malformed-json')
  say({ ref: 1, event: {} })
  assert.equal((await next()).error?.code, 'invalid-request')
  say({ ref: 2, events: Array(1_001).fill({}) })
  const tooMany = await next()
  assert.deepEqual([tooMany.error?.code, tooMany.ref], ['too-many-events', 2])
  say({ events: [liked({ userId: 'bob' })] })
  assert.equal((await next()).rejected?.[0]?.code, 'user-mismatch')
})

test('a shard that is away is said and tried again', async (t) => {
  const { gateway, shard, runtime } = await listeningGateway(t)
  const ready = shard.before
  const failed = Promise.withResolvers<void>()
  shard.before = async () => {
    shard.before = ready
    failed.resolve()
    throw new FreshetError('shard-unavailable', 'moving; wait')
  }
  const { next } = socketOf(t, gateway.port, 'user=ada')
  assert.equal((await next()).error?.code, 'shard-unavailable')
  await runtime.advance(1_000)
  assert.equal((await next()).page?.entries.length, 10)
})

test('a feed that ends goes on with a new session after the next event', async (t) => {
  const { gateway } = await listeningGateway(t)
  const { next, say } = socketOf(t, gateway.port, 'user=ada&limit=50')
  assert.equal((await next()).page?.cursor, null)
  say({ events: [liked()] })
  assert.equal((await next()).accepted, 1)
  assert.equal((await next()).page?.entries.length, 40)
})

test('who may not come in is told why', async (t) => {
  const { gateway } = await listeningGateway(t, { limits: { streamsMax: 1 }, allowedOrigins: ['https://app.example'] })
  const refused = (path: string, options: WebSocket.ClientOptions = {}) => refusalOf(gateway.port, path, options)
  assert.deepEqual(await refused('/v1/nothing'), { status: 404, code: 'route-unknown' })
  assert.deepEqual(await refused('/v1/feed/stream?user=ada&limit=90'), { status: 400, code: 'invalid-request' })
  assert.deepEqual(await refused('/v1/feed/stream?user=ada', { origin: 'https://evil.example' }), {
    status: 403,
    code: 'forbidden',
  })
  const { next } = socketOf(t, gateway.port, 'user=ada')
  await next()
  assert.deepEqual(await refused('/v1/feed/stream?user=ada'), { status: 503, code: 'overloaded' })
})

test('with tokens, the header or the protocol carries one, and it is for its subject', async (t) => {
  const key = 'a secret that has more than thirty-two bytes'
  const { gateway } = await listeningGateway(t, { authMode: 'jwt', jwt: { algorithm: 'HS256', key } })
  const signed = new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).setSubject('ada').setExpirationTime(1_700_000_600)
  const token = await signed.sign(new TextEncoder().encode(key))
  assert.equal((await refusalOf(gateway.port, '/v1/feed/stream?user=ada')).code, 'unauthenticated')
  const headers = { authorization: `Bearer ${token}` }
  assert.equal((await refusalOf(gateway.port, '/v1/feed/stream?user=bob', { headers })).code, 'forbidden')
  const { socket, next } = socketOf(t, gateway.port, 'user=ada', ['freshet.v1', `bearer.${token}`])
  assert.ok((await next()).page)
  assert.equal(socket.protocol, 'freshet.v1')
})

test('a message above 1 MiB ends the socket', async (t) => {
  const { gateway } = await listeningGateway(t)
  const { next, say, closed } = socketOf(t, gateway.port, 'user=ada')
  await next()
  const gone = closed()
  say('x'.repeat((1 << 20) + 1))
  assert.equal(await gone, 1009)
})

test('a socket that does not answer pings is ended', async (t) => {
  const { gateway, runtime } = await listeningGateway(t)
  const { socket, next, closed } = socketOf(t, gateway.port, 'user=ada')
  await next()
  const pinged = once(socket, 'ping')
  await runtime.advance(30_000)
  await pinged
  socket.pause()
  const gone = closed()
  await runtime.advance(60_000)
  socket.resume()
  assert.equal(await gone, 1006)
})

test('closing answers what came, closes sockets as going away, and finishes requests in flight', async (t) => {
  const { gateway, log } = await listeningGateway(t)
  const { next, say, closed } = socketOf(t, gateway.port, 'user=ada')
  await next()
  const before = log.appends
  log.stall()
  say({ ref: 1, events: [liked()] })
  while (log.appends === before) await new Promise(setImmediate)
  const post = fetch(`${gateway.url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events: [liked()] }),
  })
  while (log.appends === before + 1) await new Promise(setImmediate)
  const gone = closed()
  const closing = gateway.close()
  assert.deepEqual(await refusalOf(gateway.port, '/v1/feed/stream?user=ada'), { status: 503, code: 'closing' })
  const turnedAway = await fetch(`${gateway.url}/healthz`)
  assert.deepEqual([turnedAway.status, (await turnedAway.json()).error.code], [503, 'closing'])
  log.resume()
  assert.deepEqual([(await next()).accepted, await gone, (await post).status], [1, 1001, 202])
  assert.deepEqual(await closing, { pageRecordsLost: 0 })
  await assert.rejects(fetch(`${gateway.url}/healthz`))
})

test('closing does not wait for connections that never ask', async (t) => {
  const { gateway } = await listeningGateway(t)
  const silent = connect(gateway.port, '127.0.0.1')
  await once(silent, 'connect')
  await (await fetch(`${gateway.url}/healthz`)).text()
  const ended = once(silent, 'close')
  await gateway.close()
  await ended
})

test('closing does not wait for a shard longer than its deadline', async (t) => {
  const { gateway, shard, runtime } = await listeningGateway(t)
  const held = Promise.withResolvers<void>()
  shard.before = () => held.promise
  t.after(() => held.resolve())
  const asking = fetch(`${gateway.url}/v1/feed?user=ada`)
  asking.catch(() => {})
  while (shard.requests.length === 0) await new Promise(setImmediate)
  let closed = false
  void gateway.close().then(() => {
    closed = true
  })
  // Past the shard's deadline the answer goes out; a close that waited for the shard would not end.
  while (!closed) await runtime.advance(500)
  assert.equal((await asking).status, 503)
})

test('closing waits for page records on their way, and says how many it left', async (t) => {
  const { gateway, log, runtime, registry } = await listeningGateway(t)
  log.stall()
  const asking = fetch(`${gateway.url}/v1/feed?user=ada`)
  while (log.appends === 0) await new Promise(setImmediate)
  await runtime.advance(20)
  assert.equal((await (await asking).json()).unlogged, true)
  let left = -1
  void gateway.close().then(({ pageRecordsLost }) => {
    left = pageRecordsLost
  })
  while (left < 0) await runtime.advance(1_000)
  assert.equal(left, 1)
  assert.match(await registry.metrics(), /page_records_lost_total 1/)
})
