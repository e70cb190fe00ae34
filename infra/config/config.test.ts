// Settings come from four places by one rule, and whatever is wrong with them is said with what to write instead.
import assert from 'node:assert/strict'
import { isAbsolute, resolve } from 'node:path'
import { test } from 'node:test'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { type ConfigSources, describeConfig, loadConfig, resolveConfig } from './config.ts'
import { settings } from './config-keys.ts'
import { defaultConfig } from './config-schema.ts'

const none: ConfigSources = { file: null, environment: {}, flags: {} }
const file = (text: string) => ({ path: 'freshet.json', text })
const secret = 'a secret that is longer than 32 bytes'

function problemsOf(sources: Partial<ConfigSources>): string {
  try {
    resolveConfig({ ...none, ...sources })
  } catch (error) {
    assert.ok(error instanceof FreshetError)
    assert.equal(error.code, 'config-invalid')
    return error.message
  }
  return assert.fail('this configuration should be refused')
}

test('nothing given gives the defaults, whole and frozen', () => {
  const config = resolveConfig(none)
  assert.deepEqual(config, defaultConfig)
  assert.ok(isAbsolute(config.dataDir))
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.gateway) && Object.isFrozen(config.log.brokers))
  assert.ok(!Object.isFrozen(defaultConfig.gateway))
})

test('a flag overrides the environment, which overrides the file, which overrides the default', () => {
  const text = '{ "gateway": { "port": 1, "host": "localhost" }, /* every second */ "syncIntervalMs": 1000, }'
  const environment = { FRESHET_GATEWAY_PORT: '2', FRESHET_SERVING_SHARDS: '3', PATH: 'ignored' }
  const config = resolveConfig({ file: file(text), environment, flags: { 'gateway.port': '4', dataDir: undefined } })
  assert.deepEqual(
    [config.gateway.port, config.gateway.host, config.syncIntervalMs, config.serving.shards],
    [4, 'localhost', 1_000, 3],
  )
  assert.equal(resolveConfig({ ...none, file: file(text), environment }).gateway.port, 2)
  assert.equal(resolveConfig({ ...none, file: file(text) }).gateway.port, 1)
})

test('lists come from text by commas and are replaced whole', () => {
  const config = resolveConfig({
    file: file('{ "log": { "driver": "kafka", "brokers": ["a:1", "b:2"] } }'),
    environment: { FRESHET_LOG_BROKERS: 'c:3, d:4', FRESHET_GATEWAY_ALLOWED_ORIGINS: '' },
    flags: {},
  })
  assert.deepEqual([config.log.brokers, config.gateway.allowedOrigins], [['c:3', 'd:4'], []])
})

test('relative folders are taken from the working directory', () => {
  assert.equal(resolveConfig({ ...none, flags: { dataDir: 'here' } }).dataDir, resolve('here'))
})

test('a share is a number with a fraction, above 0', () => {
  const of = (text: string) => ({ environment: { FRESHET_JOINER_NEGATIVE_SHARE: text } })
  assert.equal(resolveConfig({ ...none, ...of('0.25') }).joiner.negativeShare, 0.25)
  assert.match(problemsOf(of('0')), /^joiner\.negativeShare: must be >= 0\.001, not 0/m)
  assert.match(problemsOf(of('half')), /^joiner\.negativeShare: must be number, not "half"/m)
})

test('every setting has a variable of its own', () => {
  assert.equal(new Set(settings.map((setting) => setting.variable)).size, settings.length)
  const variables = settings.map((setting) => setting.variable)
  for (const name of ['FRESHET_DATA_DIR', 'FRESHET_GATEWAY_PORT', 'FRESHET_LOG_DRIVER', 'FRESHET_AUTH_JWT_KEY']) {
    assert.ok(variables.includes(name), name)
  }
})

test('unknown names are refused with the nearest known one, wherever they come from', () => {
  assert.match(problemsOf({ file: file('{ "gatway": {} }') }), /gatway is no setting: did you mean gateway\?/)
  assert.match(
    problemsOf({ file: file('{ "gateway": { "prot": 1 } }') }),
    /gateway\.prot .* did you mean gateway\.port\?/,
  )
  assert.match(problemsOf({ file: file('{ "streamsMax": 1 }') }), /did you mean limits\.streamsMax\?/)
  assert.match(problemsOf({ environment: { FRESHET_GATEWAY_PROT: '1' } }), /did you mean FRESHET_GATEWAY_PORT\?/)
  assert.match(problemsOf({ flags: { 'log.drivr': 'kafka' } }), /did you mean log\.driver\?/)
  // Names that every object inherits are unknown too.
  assert.match(problemsOf({ file: file('{ "constructor": {} }') }), /constructor is no setting/)
})

test('all unknown names are said at once', () => {
  assert.equal(problemsOf({ file: file('{ "gatway": 1, "dataDri": 2 }') }).split('\n').length, 2)
})

test('wrong types and ranges are refused by key', () => {
  assert.match(problemsOf({ flags: { 'gateway.port': 'eighty' } }), /^gateway\.port: must be integer, not "eighty"/m)
  assert.match(problemsOf({ flags: { 'gateway.port': '65536' } }), /^gateway\.port: must be <= 65535, not 65536/m)
  assert.match(
    problemsOf({ flags: { 'log.driver': 'redis' } }),
    /^log\.driver: must be one of embedded, kafka, not "redis"/m,
  )
  assert.match(problemsOf({ file: file('{ "gateway": 5 }') }), /^gateway: must be object, not 5/m)
  assert.match(problemsOf({ file: file('{ "log": { "brokers": "a:1" } }') }), /^log\.brokers: must be array/m)
  const both = { file: file('{ "gateway": null }'), flags: { 'gateway.port': '1' } }
  assert.match(problemsOf(both), /^gateway: must be object, not null/m)
})

test('a file that is no JSON is refused with its line', () => {
  assert.match(problemsOf({ file: file('{\n  "dataDir": \n}') }), /freshet\.json:3: ValueExpected/)
  assert.match(problemsOf({ file: file('[]') }), /holds no object/)
  assert.throws(() => loadConfig({ path: 'absent.json', environment: {} }), { code: 'config-invalid' })
})

test('no authentication is for loopback only', () => {
  assert.match(problemsOf({ flags: { 'gateway.host': '0.0.0.0' } }), /set auth\.mode to jwt/)
  for (const host of ['127.0.0.1', 'localhost', '::1']) {
    assert.equal(resolveConfig({ ...none, flags: { 'gateway.host': host } }).gateway.host, host)
  }
  const open = { 'gateway.host': '0.0.0.0', 'auth.mode': 'jwt', 'auth.jwt.key': secret }
  assert.equal(resolveConfig({ ...none, flags: open }).auth.mode, 'jwt')
})

test('jwt needs a key that is long enough, kafka needs brokers, intervals have an order', () => {
  assert.match(problemsOf({ flags: { 'auth.mode': 'jwt' } }), /needs a key/)
  assert.match(problemsOf({ flags: { 'auth.mode': 'jwt', 'auth.jwt.key': 'short' } }), /shorter than 32 bytes/)
  assert.match(problemsOf({ flags: { 'log.driver': 'kafka' } }), /needs brokers/)
  assert.match(problemsOf({ flags: { 'ticks.activeMs': '5000' } }), /ticks\.activeMs is past/)
  assert.match(
    problemsOf({ flags: { checkpointIntervalMs: '100', syncIntervalMs: '200' } }),
    /checkpointIntervalMs is below/,
  )
})

test('several processes need what several processes share', () => {
  const kafka = { 'log.driver': 'kafka', 'log.brokers': 'a:1' }
  assert.match(problemsOf({ flags: { 'learning.mode': 'distributed' } }), /set log\.driver to kafka/)
  assert.match(problemsOf({ flags: { 'serving.peers': 'a:1' } }), /serving\.peers are other processes/)
  assert.match(problemsOf({ flags: { 'kafka.replicationFactor': '3' } }), /embedded log keeps one copy/)
  assert.match(problemsOf({ flags: { ...kafka, 'log.partitions': '4' } }), /or learning\.mode to distributed/)
  assert.match(problemsOf({ flags: { ...kafka, 'serving.peers': 'a:1,b' } }), /"b" is no address: write host:port/)
  assert.match(problemsOf({ flags: { ...kafka, 'rpc.host': '0.0.0.0' } }), /set rpc\.advertisedHost/)
  const flags = { ...kafka, 'learning.mode': 'distributed', 'log.partitions': '4', 'serving.peers': 'a:1, b:2' }
  assert.match(problemsOf({ flags }), /set serving\.partitions to all/)
  const config = resolveConfig({ ...none, flags: { ...flags, 'serving.partitions': 'all', 'blobs.folder': 'here' } })
  assert.deepEqual(config.serving.peers, ['a:1', 'b:2'])
  assert.equal(config.blobs.folder, resolve('here'))
})

test('the printed form has every setting and no secret', () => {
  const config = resolveConfig({ ...none, flags: { 'auth.mode': 'jwt', 'auth.jwt.key': secret } })
  const lines = describeConfig(config)
  assert.equal(lines.length, settings.length)
  assert.ok(lines.includes('gateway.port = 8080'))
  assert.ok(lines.includes('auth.jwt.key = ***'))
  assert.ok(!lines.join('\n').includes(secret))
  assert.ok(!problemsOf({ file: file(`{ "auth": { "jwt": { "key": ["${secret}"] } } }`) }).includes(secret))
})
