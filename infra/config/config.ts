// The settings of a process, resolved once. One rule: a flag overrides an environment variable, which overrides the file,
// which overrides the default, setting by setting (lists are replaced whole). What comes out is whole, checked and frozen.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { Compile } from 'typebox/compile'
import { isLoopback } from '../../serving/gateway/auth.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import {
  nearestKey,
  nearestName,
  settingByKey,
  settingByVariable,
  settings,
  unknownKeys,
  valueOfText,
  variablePrefix,
} from './config-keys.ts'
import { type Config, configSchema, defaultConfig, secretKeys } from './config-schema.ts'

export type { Config } from './config-schema.ts'

export interface ConfigSources {
  /** JSON with comments; null: none. */
  readonly file: { readonly path: string; readonly text: string } | null
  /** Variables named FRESHET_... are settings; others are ignored. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Value by key, e.g. `gateway.port`; undefined ones are ignored. */
  readonly flags: Readonly<Record<string, string | undefined>>
}

type Tree = { [name: string]: unknown }
const checker = Compile(configSchema)
const jwtSecretBytesMin = 32

/** Reads the file, if one is named, and resolves. */
export function loadConfig(options: {
  readonly path?: string | undefined
  readonly environment: ConfigSources['environment']
  readonly flags?: ConfigSources['flags']
}): Config {
  const { path, environment, flags = {} } = options
  return resolveConfig({ file: path === undefined ? null : { path, text: readText(path) }, environment, flags })
}

/** Throws config-invalid with every problem of the first kind found, each with what to write instead. */
export function resolveConfig(sources: ConfigSources): Config {
  const config = structuredClone(defaultConfig) as Tree
  if (sources.file) merge(config, fileTree(sources.file))
  for (const [name, text] of Object.entries(sources.environment)) {
    if (!name.startsWith(variablePrefix) || text === undefined) continue
    const setting = settingByVariable.get(name)
    if (!setting) {
      const nearest = nearestName(name, [...settingByVariable.keys()])
      throw invalid([`the environment variable ${name} is no setting: did you mean ${nearest}?`])
    }
    assign(config, setting.key, valueOfText(setting, text))
  }
  for (const [key, text] of Object.entries(sources.flags)) {
    if (text === undefined) continue
    const setting = settingByKey.get(key)
    if (!setting) throw invalid([`${key} is no setting: did you mean ${nearestKey(key)}?`])
    assign(config, key, valueOfText(setting, text))
  }
  checkTypes(config)
  const checked = config as unknown as Config
  const problems = crossFieldProblems(checked)
  if (problems.length > 0) throw invalid(problems)
  const { folder } = checked.blobs
  return deepFreeze({
    ...checked,
    dataDir: resolve(checked.dataDir),
    blobs: { folder: folder === '' ? '' : resolve(folder) },
  })
}

/** One line per setting, `key = value`, secrets masked: what a process prints when it starts. */
export function describeConfig(config: Config): string[] {
  return settings.map(({ key }) => {
    const value = valueAt(config as unknown as Tree, key)
    const shown = secretKeys.includes(key) && value !== '' ? '***' : JSON.stringify(value)
    return `${key} = ${shown}`
  })
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new FreshetError('config-invalid', `${path} cannot be read: name a file of JSON with comments`, { cause })
  }
}

function fileTree({ path, text }: { path: string; text: string }): Tree {
  const errors: ParseError[] = []
  const tree: unknown = parse(text, errors, { allowTrailingComma: true })
  const first = errors[0]
  if (first) {
    const line = text.slice(0, first.offset).split('\n').length
    throw invalid([`${path}:${line}: ${printParseErrorCode(first.error)}: write JSON, comments allowed`])
  }
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    throw invalid([`${path} holds no object: write { "dataDir": "..." }`])
  }
  const unknown = unknownKeys(tree)
  if (unknown.length > 0) {
    throw invalid(unknown.map(({ key, nearest }) => `${path}: ${key} is no setting: did you mean ${nearest}?`))
  }
  return tree as Tree
}

function merge(into: Tree, from: Tree): void {
  for (const [name, value] of Object.entries(from)) {
    const present = into[name]
    if (isTree(present) && isTree(value)) merge(present, value)
    else into[name] = value
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A group that the file replaced by something else is left for the type check to name. */
function assign(tree: Tree, key: string, value: unknown): void {
  const path = key.split('.')
  let place: unknown = tree
  for (const name of path.slice(0, -1)) place = isTree(place) ? place[name] : undefined
  if (isTree(place)) place[path.at(-1)!] = value
}

function valueAt(tree: Tree, key: string): unknown {
  return key.split('.').reduce<unknown>((place, name) => (isTree(place) ? place[name] : undefined), tree)
}

function checkTypes(config: Tree): void {
  if (checker.Check(config)) return
  const problems = new Map<string, string>()
  for (const { instancePath, keyword, message, params } of checker.Errors(config)) {
    const key = instancePath.slice(1).replaceAll('/', '.')
    // Each branch of a choice says that it is not the other one: only the choice as a whole is worth telling.
    if (keyword === 'const') continue
    const choice = keyword === 'anyOf' ? choicesOf(key) : null
    const said = choice ?? `${message}${keyword === 'pattern' ? ` (${JSON.stringify(params)})` : ''}`
    const given = secretKeys.includes(key) ? 'what is given' : JSON.stringify(valueAt(config, key))
    if (!problems.has(key)) problems.set(key, `${key}: ${said}, not ${given}`)
  }
  throw invalid([...problems.values()])
}

function choicesOf(key: string): string | null {
  const options = settingByKey.get(key)?.node.anyOf
  return options ? `must be one of ${options.map((option) => String(option.const)).join(', ')}` : null
}

function crossFieldProblems(config: Config): string[] {
  const { auth, gateway, ticks } = config
  const problems: string[] = []
  if (auth.mode === 'none' && !isLoopback(gateway.host)) {
    problems.push(
      `auth.mode none would let anyone who reaches ${gateway.host} act as any user: set auth.mode to jwt, or gateway.host to 127.0.0.1`,
    )
  }
  if (auth.mode === 'jwt' && auth.jwt.key === '') {
    problems.push('auth.mode jwt needs a key: set auth.jwt.key, or FRESHET_AUTH_JWT_KEY')
  } else if (
    auth.mode === 'jwt' &&
    auth.jwt.algorithm === 'HS256' &&
    Buffer.byteLength(auth.jwt.key) < jwtSecretBytesMin
  ) {
    problems.push(`auth.jwt.key is shorter than ${jwtSecretBytesMin} bytes: take a longer secret`)
  }
  problems.push(...deploymentProblems(config))
  if (ticks.activeMs > ticks.idleMs) {
    problems.push('ticks.activeMs is past ticks.idleMs: an active partition ticks at least as often as an idle one')
  }
  if (config.checkpointIntervalMs < config.syncIntervalMs) {
    problems.push('checkpointIntervalMs is below syncIntervalMs: a checkpoint covers at least one sync')
  }
  return problems
}

/** What would keep several processes from working as one. */
function deploymentProblems({ log, kafka, learning, rpc, serving }: Config): string[] {
  const problems: string[] = []
  if (log.driver === 'kafka' && log.brokers.length === 0) {
    problems.push('log.driver kafka needs brokers: set log.brokers, e.g. ["127.0.0.1:9092"]')
  }
  if (log.driver === 'embedded' && learning.mode === 'distributed') {
    problems.push('learning.mode distributed needs a log that several processes reach: set log.driver to kafka')
  }
  if (log.partitions > 1 && learning.mode === 'lockstep') {
    problems.push(
      `log.partitions is ${log.partitions}, but in lockstep one trainer folds one partition: set log.partitions to 1, or learning.mode to distributed`,
    )
  }
  if (log.driver === 'embedded' && kafka.replicationFactor > 1) {
    problems.push('kafka.replicationFactor is for log.driver kafka: the embedded log keeps one copy')
  }
  if (log.driver === 'embedded' && serving.peers.length > 0) {
    problems.push('serving.peers are other processes, which the embedded log has none of: set log.driver to kafka')
  }
  if (serving.peers.length > 1 && serving.partitions === 'shared') {
    problems.push('serving.peers stand in for each other, so each holds every user: set serving.partitions to all')
  }
  for (const peer of serving.peers) {
    if (!/^.+:\d{1,5}$/.test(peer))
      problems.push(`serving.peers: ${JSON.stringify(peer)} is no address: write host:port`)
  }
  if ((rpc.host === '0.0.0.0' || rpc.host === '::') && rpc.advertisedHost === '') {
    problems.push(
      `rpc.host ${rpc.host} is nowhere to call: set rpc.advertisedHost to what others reach this machine by`,
    )
  }
  return problems
}

function invalid(problems: readonly string[]): FreshetError {
  return new FreshetError('config-invalid', problems.join('\n'), { details: { problems } })
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) deepFreeze(child)
    Object.freeze(value)
  }
  return value
}
