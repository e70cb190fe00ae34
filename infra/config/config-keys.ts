// The names of settings: dotted keys as they stand in the schema, the environment variable of each, and values from text.
import type { TSchema } from 'typebox'
import { configSchema } from './config-schema.ts'

interface SchemaNode {
  readonly type?: string
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly anyOf?: readonly { readonly const?: unknown }[]
}

export interface Setting {
  /** E.g. gateway.port. */
  readonly key: string
  /** E.g. FRESHET_GATEWAY_PORT. */
  readonly variable: string
  readonly node: SchemaNode
}

export const variablePrefix = 'FRESHET_'

/** Every setting that holds a value, in the order of the schema. */
export const settings: readonly Setting[] = leaves(configSchema as SchemaNode, [])
export const settingByKey: ReadonlyMap<string, Setting> = new Map(settings.map((setting) => [setting.key, setting]))
export const settingByVariable: ReadonlyMap<string, Setting> = new Map(
  settings.map((setting) => [setting.variable, setting]),
)

function leaves(node: SchemaNode, path: readonly string[]): Setting[] {
  if (node.properties) {
    return Object.entries(node.properties).flatMap(([name, child]) => leaves(child as SchemaNode, [...path, name]))
  }
  const words = path.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase())
  return [{ key: path.join('.'), variable: `${variablePrefix}${words.join('_')}`, node }]
}

/** The value that a text stands for; the text itself where it does not fit, so that the schema check names it. */
export function valueOfText(setting: Setting, text: string): unknown {
  switch (setting.node.type) {
    case 'integer':
      return /^-?\d+$/.test(text) ? Number(text) : text
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
    case 'array':
      return text === '' ? [] : text.split(',').map((part) => part.trim())
    default:
      return text
  }
}

/** Unknown keys of a value, each with the nearest known key of the same place. */
export function unknownKeys(value: unknown): { key: string; nearest: string }[] {
  return walk(configSchema as SchemaNode, value, [])
}

function walk(node: SchemaNode, value: unknown, path: readonly string[]): { key: string; nearest: string }[] {
  if (!node.properties || typeof value !== 'object' || value === null || Array.isArray(value)) return []
  const known = node.properties
  return Object.entries(value).flatMap(([name, child]) =>
    Object.hasOwn(known, name)
      ? walk(known[name] as SchemaNode, child, [...path, name])
      : [{ key: [...path, name].join('.'), nearest: nearestKey([...path, name].join('.')) }],
  )
}

/** The known key closest to what was written; the place of a setting matters less than its name. */
export function nearestKey(key: string): string {
  const groups = [...new Set(settings.flatMap(({ key: known }) => prefixesOf(known)))]
  return nearestName(key, groups)
}

function prefixesOf(key: string): string[] {
  const parts = key.split('.')
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'))
}

/** The name with the fewest edits, ignoring case; a match of the last part counts for most. Ties go to the first. */
export function nearestName(written: string, known: readonly string[]): string {
  const lastOf = (name: string) => name.slice(name.lastIndexOf('.') + 1).toLowerCase()
  let nearest = known[0] ?? ''
  let fewest = Number.POSITIVE_INFINITY
  for (const name of known) {
    const whole = editDistance(written.toLowerCase(), name.toLowerCase())
    const distance = Math.min(whole, editDistance(lastOf(written), lastOf(name)) + 0.5) + whole / 1_000
    if (distance < fewest) {
      fewest = distance
      nearest = name
    }
  }
  return nearest
}

/** Levenshtein distance. O(length x length). */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const change = row[j - 1]! + Number(left[i - 1] !== right[j - 1])
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[right.length]!
}
