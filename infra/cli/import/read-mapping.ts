// A mapping file as a person edits it, checked: every problem names its field and says what to write.
import { readFileSync } from 'node:fs'
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { nearestName } from '../../config/config-keys.ts'
import { type CsvMapping, mappingSchema } from './csv-mapping.ts'
import { isZone } from './local-time.ts'

const checker = Compile(mappingSchema)

/** Throws config-invalid with every problem found. */
export function readMapping(path: string): CsvMapping {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new FreshetError('usage', `${path} cannot be read: name a mapping, JSON with comments`, { cause })
  }
  const errors: ParseError[] = []
  const value: unknown = parse(text, errors, { allowTrailingComma: true })
  const first = errors[0]
  if (first) {
    const line = text.slice(0, first.offset).split('\n').length
    throw invalid([`${path}:${line}: ${printParseErrorCode(first.error)}: write JSON, comments allowed`])
  }
  return checkMapping(value)
}

/** The value as a mapping. Throws config-invalid with every problem found. */
export function checkMapping(value: unknown): CsvMapping {
  const problems = shapeProblems(value)
  if (problems.length > 0) throw invalid(problems)
  const mapping = value as CsvMapping
  const crossing = meaningProblems(mapping)
  if (crossing.length > 0) throw invalid(crossing)
  return mapping
}

export function invalid(problems: readonly string[]): FreshetError {
  return new FreshetError('config-invalid', `mapping: ${problems.join('\nmapping: ')}`, { details: { problems } })
}

interface Node {
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly additionalProperties?: unknown
  readonly items?: TSchema
  readonly patternProperties?: Readonly<Record<string, TSchema>>
  readonly anyOf?: unknown
  readonly example?: string
}

function shapeProblems(value: unknown): string[] {
  const problems = unknownFields(mappingSchema as Node, value, [])
  if (problems.length > 0 || checker.Check(value)) return problems
  const byPlace = new Map<string, string>()
  for (const { instancePath, keyword, message, params } of checker.Errors(value)) {
    const written = instancePath.split('/').slice(1)
    const { node, path } = knownPlace(written)
    if (keyword === 'required') {
      for (const name of (params as { requiredProperties: readonly string[] }).requiredProperties) {
        const field = [...path, name].join('.')
        byPlace.set(field, `${field} is missing: write "${name}": ${exampleOf(node.properties?.[name] as Node)}`)
      }
    } else {
      const field = path.join('.') || 'the whole'
      if (byPlace.has(field)) continue
      const said = node.anyOf || node.example ? 'does not fit' : message
      byPlace.set(field, `${field} ${said}: write ${exampleOf(node)}, not ${shown(valueAt(value, path))}`)
    }
  }
  return [...byPlace.values()]
}

/** The innermost field that is there and has an example, so that parts of a choice are told as the choice. */
function knownPlace(written: readonly string[]): { readonly node: Node; readonly path: string[] } {
  let node = mappingSchema as Node
  let best = { node, path: [] as string[] }
  for (const [index, name] of written.entries()) {
    const next = node.properties?.[name] ?? node.items ?? Object.values(node.patternProperties ?? {})[0]
    if (!next) break
    node = next as Node
    if (node.example) best = { node, path: written.slice(0, index + 1) }
  }
  return best
}

function exampleOf(node: Node | undefined): string {
  return node?.example ?? 'another value'
}

function unknownFields(node: Node, value: unknown, path: readonly string[]): string[] {
  if (!node.properties || typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const known = node.properties
  return Object.entries(value).flatMap(([name, child]) => {
    if (Object.hasOwn(known, name)) return unknownFields(known[name] as Node, child, [...path, name])
    const names = Object.keys(known)
    return [`${[...path, name].join('.')} is no field: did you mean ${nearestName(name, names)}? (${names.join(', ')})`]
  })
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((place, name) => (place as Record<string, unknown> | undefined)?.[name], value)
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length <= 80 ? text : `${text.slice(0, 80)}...`
}

/** What no single field can say. */
function meaningProblems({ log, users, videos }: CsvMapping): string[] {
  const problems: string[] = []
  const times = { 'log.time': log.time, 'users.joined': users?.joined, 'videos.published': videos?.published }
  for (const [field, time] of Object.entries(times)) {
    if (time?.zone === undefined) continue
    if (time.unit !== 'iso') problems.push(`${field}.zone is for "unit": "iso"; counted units are UTC: leave it out`)
    else if (!isZone(time.zone))
      problems.push(`${field}.zone is no time zone: write "UTC", "+08:00" or "Europe/Berlin"`)
  }
  for (const [head, condition] of Object.entries(log.labels ?? {})) {
    if (Object.keys(condition).length < 2) {
      problems.push(`log.labels.${head} has no condition: add "atLeast": 4 or "equals": "1"`)
    }
  }
  if (log.timeOf === 'end' && !log.watchTime) {
    problems.push('log.timeOf "end" needs the watch time to know when the view began: add log.watchTime')
  }
  const told = log.watchTime || log.labels || log.events
  if (!told) problems.push('log says nothing of what users did: add log.labels, log.watchTime or log.events')
  for (const field of ['surface', 'device', 'region', 'language'] as const) {
    const named = log[field]
    if (named && named.column === undefined && named.otherwise === undefined) {
      problems.push(`log.${field} names no column: write { "column": "${field}" }`)
    }
  }
  const embedding = videos?.embedding
  if (embedding && (embedding.column === undefined) === (embedding.columns === undefined)) {
    problems.push('videos.embedding needs one of column (with separator) and columns')
  } else if (embedding?.column !== undefined && embedding.separator === undefined) {
    problems.push('videos.embedding.separator is missing: write "separator": " "')
  }
  return problems
}
