// Where a value is not of a schema's shape: the first place, in words for whoever wrote the file. A key that is not known is told
// before one that is missing, because the one is often the other misspelt.
import type { TSchema } from 'typebox'
import Value from 'typebox/value'
import { nearestName } from '../../streams/runtime/nearest-name.ts'

export interface ShapeProblem {
  /** As `ranker.slots[1]`; empty: the whole. */
  readonly field: string
  readonly reason: string
}

/** What schemas of specs are made of. */
interface SchemaNode {
  readonly anyOf?: readonly SchemaNode[]
  readonly const?: unknown
  readonly type?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly items?: SchemaNode
}

/** Null where there is none. */
export function shapeProblem(schema: TSchema, value: unknown): ShapeProblem | null {
  return problemOf(schema as SchemaNode, value, '')
}

function problemOf(node: SchemaNode, value: unknown, field: string): ShapeProblem | null {
  if (node.anyOf) return choiceProblem(node.anyOf, value, field)
  if (node.properties) return objectProblem(node, value, field)
  if (node.items && Array.isArray(value)) {
    for (const [index, entry] of value.entries()) {
      const problem = problemOf(node.items, entry, `${field}[${index}]`)
      if (problem) return problem
    }
  }
  const [error] = Value.Errors(node as TSchema, value)
  if (!error) return null
  return { field: inside(field, error.instancePath.slice(1).replaceAll('/', '.')), reason: error.message }
}

/** Of literals, of objects that their `kind` tells apart, or of something and null. */
function choiceProblem(choices: readonly SchemaNode[], value: unknown, field: string): ShapeProblem | null {
  if (choices.every((choice) => choice.const !== undefined)) {
    const known = choices.map((choice) => String(choice.const))
    return known.includes(value as string) ? null : oneOf(known, value, field)
  }
  if (value === null && choices.some(({ type }) => type === 'null')) return null
  const others = choices.filter(({ type }) => type !== 'null')
  if (others.length === 1) return problemOf(others[0]!, value, field)
  const kind = isObject(value) ? value.kind : undefined
  const chosen = others.find(({ properties }) => properties?.kind?.const === kind)
  if (chosen) return problemOf(chosen, value, field)
  return oneOf(
    others.map(({ properties }) => String(properties?.kind?.const)),
    kind,
    inside(field, 'kind'),
  )
}

function objectProblem(node: SchemaNode, value: unknown, field: string): ShapeProblem | null {
  if (!isObject(value)) return { field, reason: 'must be an object' }
  const properties = node.properties!
  const known = Object.keys(properties)
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(properties, name)) continue
    const nearest = nearestName(name, known)
    const hint = nearest === null ? `known are ${known.join(', ')}` : `did you mean ${nearest}?`
    return { field: inside(field, name), reason: `no such key; ${hint}` }
  }
  for (const name of node.required ?? []) {
    if (!Object.hasOwn(value, name)) return { field: inside(field, name), reason: 'is missing' }
  }
  for (const [name, entry] of Object.entries(value)) {
    const problem = problemOf(properties[name]!, entry, inside(field, name))
    if (problem) return problem
  }
  return null
}

function oneOf(known: readonly string[], value: unknown, field: string): ShapeProblem {
  return { field, reason: `must be one of ${known.join(', ')}, not ${JSON.stringify(value)}` }
}

function inside(field: string, name: string): string {
  return field === '' || name === '' ? field + name : `${field}.${name}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
