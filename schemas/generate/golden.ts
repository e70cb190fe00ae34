// Writes golden bytes for each schema version that has none yet, from a value made out of the schema. Golden files are
// never rewritten: they are what older processes left in the log.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encode } from '../codec.ts'
import type { AnyRecord } from '../generated.ts'
import registry from '../registry.json' with { type: 'json' }

interface Field {
  readonly name: string
  readonly type: SchemaPart
}
type SchemaPart = string | readonly SchemaPart[] | SchemaObject
interface SchemaObject {
  readonly type: string
  readonly name?: string
  readonly fields?: readonly Field[]
  readonly items?: SchemaPart
  readonly values?: SchemaPart
  readonly symbols?: readonly string[]
}

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'golden')

function main(): void {
  mkdirSync(folder, { recursive: true })
  for (const { id, subject, version, schema } of registry) {
    const path = join(folder, `${subject}.v${version}.json`)
    const newest = registry.filter((entry) => entry.subject === subject).at(-1)!
    // Only the newest version can still be written; an older one without golden bytes was never in any log.
    if (existsSync(path) || newest.id !== id) continue
    const value = exampleOf(schema as SchemaObject, subject, new Map()) as object
    const bytes = Buffer.from(encode({ ...value, type: subject } as AnyRecord))
    writeFileSync(path, `${JSON.stringify({ schemaId: id, bytes: bytes.toString('hex'), value }, asText, 2)}\n`)
    console.log(`wrote ${path}`)
  }
}

/** A value that uses every field and the non-null side of every union; numbers are exact as float32. */
function exampleOf(part: SchemaPart, name: string, known: Map<string, SchemaObject>): unknown {
  if (typeof part === 'object' && !Array.isArray(part)) return exampleOfNamed(part as SchemaObject, name, known)
  if (typeof part !== 'string') {
    const options = part as readonly SchemaPart[]
    return exampleOf(options.find((option) => option !== 'null') ?? 'null', name, known)
  }
  const seed = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0)
  switch (part) {
    case 'null':
      return null
    case 'boolean':
      return seed % 2 === 0
    case 'int':
      return seed % 100
    case 'long':
      return name.endsWith('Ms') ? 1_700_000_000_000 + seed : seed
    case 'float':
    case 'double':
      return seed / 8
    case 'string':
      return `${name}-é-${seed}`
    case 'bytes':
      return Buffer.from([0, 1, 127, 128, 255, seed % 256])
    default: {
      const referred = known.get(part) ?? known.get(part.replace(/^.*\./, ''))
      if (!referred) throw new Error(`schema of ${name} refers to ${part}, which is not defined before it`)
      return exampleOfNamed(referred, name, known)
    }
  }
}

function exampleOfNamed(part: SchemaObject, name: string, known: Map<string, SchemaObject>): unknown {
  if (part.name) known.set(part.name, part)
  if (part.symbols) return part.symbols.at(-1)
  if (part.items) return [exampleOf(part.items, name, known), exampleOf(part.items, `${name}Second`, known)]
  if (part.values) return { first: exampleOf(part.values, name, known) }
  if (!part.fields) return exampleOf(part.type, name, known)
  return Object.fromEntries(part.fields.map((field) => [field.name, exampleOf(field.type, field.name, known)]))
}

/** Bytes stand in the file as `{"$hex": ...}`: Buffer's own JSON form arrives here as an object with `data`. */
function asText(_key: string, value: unknown): unknown {
  const bytes = value as { type?: unknown; data?: unknown } | null
  if (bytes?.type !== 'Buffer' || !Array.isArray(bytes.data)) return value
  return { $hex: Buffer.from(bytes.data).toString('hex') }
}

main()
