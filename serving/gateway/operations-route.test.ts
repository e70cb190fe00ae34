// Health, metrics, the document, and the one shape of every error.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv } from 'ajv'
import type { InjectOptions } from 'fastify'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { type ApiErrorCode, apiErrorStatus, toApiError } from './api-errors.ts'
import { injectedGateway, liked, listeningGateway } from './fixtures/test-gateway.ts'
import type { Readiness } from './route-context.ts'

const calls = {
  '/v1/events': ['post'],
  '/v1/feed': ['get'],
  '/v1/feed/stream': ['get'],
  '/v1/videos/{id}': ['delete', 'get', 'put'],
  '/v1/users/{id}': ['delete', 'put'],
  '/v1/requests/{id}': ['get'],
  '/healthz': ['get'],
  '/readyz': ['get'],
  '/metrics': ['get'],
  '/openapi.json': ['get'],
}
interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>
}
type Document = { paths: Record<string, Record<string, Operation>> }

test('the document is valid OpenAPI and describes every call, its answers and its errors', async (t) => {
  const { call } = await injectedGateway(t)
  const document: Document = (await call('GET', '/openapi.json')).json()
  const { valid, errors } = await new Validator().validate(structuredClone(document))
  assert.ok(valid, JSON.stringify(errors))
  const described = Object.entries(document.paths).map(([path, methods]) => [path, Object.keys(methods).sort()])
  assert.deepEqual(Object.fromEntries(described), calls)
  for (const operation of Object.values(document.paths).flatMap((methods) => Object.values(methods))) {
    assert.ok(operation.operationId && operation.summary)
  }
})

test('answers are what the document says', async (t) => {
  const { call } = await injectedGateway(t)
  const document: Document = (await call('GET', '/openapi.json')).json()
  const { requestId } = (await call('GET', '/v1/feed?user=ada')).json()
  const asked: [method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, path: string, body?: object][] = [
    ['POST', '/v1/events', '/v1/events', { events: [liked(), {}] }],
    ['POST', '/v1/events', '/v1/events', {}],
    ['GET', '/v1/feed?user=ada&explain=1', '/v1/feed'],
    ['GET', '/v1/feed/stream?user=ada', '/v1/feed/stream'],
    ['PUT', '/v1/videos/a', '/v1/videos/{id}', { creatorId: 'c', durationMs: 1 }],
    ['GET', '/v1/videos/video-1', '/v1/videos/{id}'],
    ['GET', '/v1/videos/never', '/v1/videos/{id}'],
    ['DELETE', '/v1/videos/a', '/v1/videos/{id}'],
    ['PUT', '/v1/users/a', '/v1/users/{id}', {}],
    ['DELETE', '/v1/users/a', '/v1/users/{id}'],
    ['GET', `/v1/requests/${requestId}`, '/v1/requests/{id}'],
    ['GET', '/healthz', '/healthz'],
    ['GET', '/readyz', '/readyz'],
  ]
  for (const [method, url, path, body] of asked) {
    const answer = await call(method, url, body)
    const said = document.paths[path]![method.toLowerCase()]!.responses[answer.statusCode]
    assert.ok(said, `${method} ${path} documents ${answer.statusCode}`)
    const schema = closed(said.content!['application/json']!.schema)
    const validate = new Ajv({ strict: false }).compile(schema as object)
    assert.ok(validate(answer.json()), `${method} ${path}: ${JSON.stringify(validate.errors)} in ${answer.body}`)
  }
})

/** Fields the document does not know are errors too. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in inner && !('additionalProperties' in inner) ? { ...inner, additionalProperties: false } : inner
}

test('ready when the shards are, and says what it waits for', async (t) => {
  let readiness: Readiness = { ready: false, waitingFor: ['shard 0', 'shard 1'] }
  const { call } = await injectedGateway(t, { ready: () => readiness })
  const waiting = await call('GET', '/readyz')
  assert.deepEqual(
    [waiting.statusCode, waiting.json().error.code, waiting.headers['retry-after']],
    [503, 'not-ready', '1'],
  )
  assert.match(waiting.json().error.message, /shard 0, shard 1/)
  assert.equal((await call('GET', '/healthz')).statusCode, 200)
  readiness = { ready: true }
  assert.deepEqual((await call('GET', '/readyz')).json(), { ready: true })
})

test('metrics are text, with those of other threads', async (t) => {
  const { call } = await injectedGateway(t, { moreMetrics: async () => 'freshet_shard_videos 40' })
  await call('GET', '/v1/feed?user=ada')
  const answer = await call('GET', '/metrics')
  assert.match(String(answer.headers['content-type']), /^text\/plain/)
  assert.match(answer.body, /freshet_gateway_pages_total\{record="logged"\} 1/)
  assert.match(answer.body, /freshet_gateway_feed_seconds_count\{outcome="ok"\} 1/)
  assert.match(answer.body, /\nfreshet_shard_videos 40\n$/)
})

test('errors of the framework have the one shape', async (t) => {
  const { app } = await injectedGateway(t)
  const json = { 'content-type': 'application/json' }
  const cases: [code: ApiErrorCode, request: InjectOptions][] = [
    ['route-unknown', { method: 'GET', url: '/v1/nothing' }],
    ['route-unknown', { method: 'PUT', url: '/v1/events' }],
    ['malformed-json', { method: 'POST', url: '/v1/events', headers: json, payload: '{"events": [' }],
    ['malformed-json', { method: 'POST', url: '/v1/events', headers: json, payload: '' }],
    ['malformed-json', { method: 'POST', url: '/v1/events', headers: json, payload: '{"__proto__": {"a": 1}}' }],
    [
      'unsupported-media-type',
      { method: 'POST', url: '/v1/events', headers: { 'content-type': 'text/csv' }, payload: 'a,b' },
    ],
    [
      'body-too-large',
      { method: 'POST', url: '/v1/events', headers: json, payload: `{"events":["${'x'.repeat(1 << 20)}"]}` },
    ],
    ['malformed-request', { method: 'GET', url: '/v1/videos/%zz' }],
    ['invalid-request', { method: 'POST', url: '/v1/events', headers: json, payload: '[]' }],
    ['invalid-request', { method: 'POST', url: '/v1/events', headers: json, payload: '{"evnts":[]}' }],
    ['upgrade-required', { method: 'GET', url: '/v1/feed/stream?user=ada' }],
  ]
  for (const [code, request] of cases) {
    const answer = await app.inject(request)
    const { error, ...rest } = answer.json()
    assert.deepEqual(rest, {})
    assert.deepEqual([error.code, answer.statusCode], [code, apiErrorStatus[code]], answer.body)
    assert.ok(error.message && error.remedy)
  }
})

test('what is not HTTP, or too much of it, is answered in the one shape too', async (t) => {
  const { gateway } = await listeningGateway(t)
  const speak = (text: string) =>
    new Promise<string>((resolve, reject) => {
      let said = ''
      const socket = connect(gateway.port, '127.0.0.1', () => socket.write(text))
      socket.setEncoding('utf8')
      socket.on('data', (chunk) => {
        said += chunk
      })
      socket.on('end', () => resolve(said))
      socket.on('error', reject)
    })
  assert.match(await speak('hello\r\n\r\n'), /^HTTP\/1.1 400 [\s\S]*"code":"malformed-request"/)
  const headers = `GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`
  assert.match(await speak(headers), /^HTTP\/1.1 431 [\s\S]*"code":"header-too-large"/)
})

test('every code has its status; operating errors become answers', () => {
  for (const status of Object.values(apiErrorStatus)) assert.ok(status >= 400)
  assert.equal(toApiError(new FreshetError('stopped', 'x')).code, 'shard-unavailable')
  assert.equal(toApiError(new FreshetError('log-closed', 'x')).code, 'log-unavailable')
  assert.equal(toApiError(new FreshetError('blob-missing', 'x')).code, 'internal')
  assert.equal(toApiError(undefined).code, 'internal')
})
