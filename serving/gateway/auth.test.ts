// Who may do what: open gateways only on this machine, tokens for their subject, strangers' pages kept out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { authenticator, type JwtOptions } from './auth.ts'
import { injectedGateway, liked } from './fixtures/test-gateway.ts'

const secret = 'a secret that has more than thirty-two bytes'
const jwt: JwtOptions = { algorithm: 'HS256', key: secret, issuer: 'https://id.example', audience: 'freshet' }
const nowSeconds = 1_700_000_000

function token(
  subject: string,
  changes: { scope?: string; expires?: number; key?: string; audience?: string } = {},
): Promise<string> {
  return new SignJWT(changes.scope === undefined ? {} : { scope: changes.scope })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setIssuer('https://id.example')
    .setAudience(changes.audience ?? 'freshet')
    .setExpirationTime(changes.expires ?? nowSeconds + 600)
    .sign(new TextEncoder().encode(changes.key ?? secret))
}

const clock = { nowMs: () => nowSeconds * 1_000, monotonicMs: () => 0 }

test('without tokens it listens on this machine only', async () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
    await authenticator({ mode: 'none', jwt: undefined, host, clock })
  for (const host of ['0.0.0.0', '::', '192.168.1.2', 'feed.example', '127.example', '']) {
    await assert.rejects(authenticator({ mode: 'none', jwt: undefined, host, clock }), (error) => {
      return (
        error instanceof FreshetError && error.code === 'config-invalid' && /set auth.mode to jwt/.test(error.message)
      )
    })
  }
})

test('keys that cannot work are refused at start', async () => {
  for (const bad of [undefined, { ...jwt, key: 'short' }, { algorithm: 'RS256', key: 'not a key' } as const]) {
    await assert.rejects(authenticator({ mode: 'jwt', jwt: bad, host: '0.0.0.0', clock }), { code: 'config-invalid' })
  }
})

test('no token, a wrong one, an old one: 401 with its remedy', async (t) => {
  const { call } = await injectedGateway(t, { authMode: 'jwt', jwt, host: '0.0.0.0' })
  const wrong = [
    undefined,
    'x.y.z',
    await token('ada', { expires: nowSeconds - 1 }),
    await token('ada', { key: 'another secret that has thirty-two bytes' }),
    await token('ada', { audience: 'elsewhere' }),
  ]
  for (const one of wrong) {
    const answer = await call('GET', '/v1/feed?user=ada', undefined, one)
    assert.deepEqual(
      [answer.statusCode, answer.json().error.code, answer.headers['www-authenticate']],
      [401, 'unauthenticated', 'Bearer'],
    )
    assert.ok(answer.json().error.remedy)
  }
  for (const open of ['/healthz', '/readyz', '/metrics', '/openapi.json'])
    assert.equal((await call('GET', open)).statusCode, 200)
})

test('a token is for its subject; an operator acts for anyone', async (t) => {
  const { call } = await injectedGateway(t, { authMode: 'jwt', jwt })
  const ada = await token('ada')
  const operator = await token('backend', { scope: 'feed operator' })
  assert.equal((await call('GET', '/v1/feed?user=ada', undefined, ada)).statusCode, 200)
  assert.equal((await call('GET', '/v1/feed?user=ada', undefined, operator)).statusCode, 200)
  const refused = await call('GET', '/v1/feed?user=bob', undefined, ada)
  assert.deepEqual(
    [refused.statusCode, refused.json().error.code, refused.json().error.field],
    [403, 'forbidden', 'user'],
  )
  assert.equal((await call('PUT', '/v1/users/bob', {}, ada)).statusCode, 403)
  assert.equal((await call('DELETE', '/v1/users/bob', undefined, ada)).statusCode, 403)

  const events = { events: [liked(), liked({ userId: 'bob' })] }
  const taken = (await call('POST', '/v1/events', events, ada)).json()
  assert.deepEqual([taken.accepted, taken.rejected[0].index, taken.rejected[0].code], [1, 1, 'user-mismatch'])
  assert.equal((await call('POST', '/v1/events', events, operator)).json().accepted, 2)
})

test('a creator publishes and takes down his own; requests are their user’s own', async (t) => {
  const { call } = await injectedGateway(t, { authMode: 'jwt', jwt })
  const creator = await token('creator-1')
  const body = (creatorId: string) => ({ creatorId, durationMs: 1 })
  assert.equal((await call('PUT', '/v1/videos/mine', body('creator-1'), creator)).statusCode, 202)
  assert.equal((await call('PUT', '/v1/videos/mine', body('creator-2'), creator)).statusCode, 403)
  assert.equal((await call('PUT', '/v1/videos/video-2', body('creator-1'), creator)).statusCode, 403, 'another’s video')
  assert.equal((await call('DELETE', '/v1/videos/video-1', undefined, creator)).statusCode, 202)
  assert.equal((await call('DELETE', '/v1/videos/video-2', undefined, creator)).statusCode, 403)

  const ada = await token('ada')
  const { requestId } = (await call('GET', '/v1/feed?user=ada', undefined, ada)).json()
  assert.equal((await call('GET', `/v1/requests/${requestId}`, undefined, ada)).statusCode, 200)
  assert.equal(
    (await call('GET', `/v1/requests/${requestId}`, undefined, creator)).json().error.code,
    'request-unknown',
  )
})

test('RS256 by public key; a token signed with it as if it were a secret does not hold', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const key = await exportSPKI(publicKey)
  const { call } = await injectedGateway(t, { authMode: 'jwt', jwt: { algorithm: 'RS256', key } })
  const claims = () => new SignJWT({}).setSubject('ada').setExpirationTime(nowSeconds + 60)
  const good = await claims().setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
  const confused = await claims().setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(key))
  assert.equal((await call('GET', '/v1/feed?user=ada', undefined, good)).statusCode, 200)
  assert.equal((await call('GET', '/v1/feed?user=ada', undefined, confused)).statusCode, 401)
})

test('without tokens, pages of strangers and foreign names of this machine are kept out', async (t) => {
  const { app } = await injectedGateway(t, { allowedOrigins: ['https://app.example'] })
  const ask = (headers: Record<string, string>, method: 'GET' | 'OPTIONS' = 'GET') =>
    app.inject({ method, url: '/v1/feed?user=ada', headers: { host: 'localhost:8080', ...headers } })
  assert.equal((await ask({})).statusCode, 200)
  assert.equal((await ask({ origin: 'http://localhost:8080' })).statusCode, 200)
  assert.equal((await ask({ origin: 'https://evil.example' })).json().error.code, 'forbidden')
  assert.equal((await ask({ host: 'evil.example:8080' })).json().error.code, 'forbidden')
  const listed = await ask({ origin: 'https://app.example' })
  assert.deepEqual([listed.statusCode, listed.headers['access-control-allow-origin']], [200, 'https://app.example'])
  const preflight = await ask({ origin: 'https://app.example', 'access-control-request-method': 'GET' }, 'OPTIONS')
  assert.deepEqual(
    [preflight.statusCode, preflight.headers['access-control-allow-headers']],
    [204, 'authorization, content-type'],
  )
})
