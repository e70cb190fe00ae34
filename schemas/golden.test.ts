// Every version of every record decodes for ever: golden bytes, and Avro's own rule for every older version.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import avro from 'avsc'
import { decode, encode, recordTypeOf } from './codec.ts'
import type { AnyRecord } from './generated.ts'
import registry from './registry.json' with { type: 'json' }

interface Golden {
  readonly schemaId: number
  readonly bytes: string
  readonly value: Readonly<Record<string, unknown>>
}

const here = dirname(fileURLToPath(import.meta.url))
const isNewest = (entry: { id: number; subject: string }) =>
  registry.filter((other) => other.subject === entry.subject).at(-1)!.id === entry.id

function golden(subject: string, version: number): Golden {
  const path = join(here, 'golden', `${subject}.v${version}.json`)
  try {
    return JSON.parse(readFileSync(path, 'utf8'), (_key, value) =>
      typeof value?.$hex === 'string' ? Buffer.from(value.$hex, 'hex') : value,
    ) as Golden
  } catch (cause) {
    throw new Error(`${path} is missing: run npm run generate`, { cause })
  }
}

for (const entry of registry) {
  test(`${entry.subject} v${entry.version} decodes from its golden bytes`, () => {
    const { schemaId, bytes, value } = golden(entry.subject, entry.version)
    assert.equal(schemaId, entry.id)
    const framed = Buffer.from(bytes, 'hex')
    assert.equal(recordTypeOf(framed), entry.subject)
    const decoded = decode(framed) as unknown as Record<string, unknown>
    assert.equal(decoded.type, entry.subject)
    if (!isNewest(entry)) {
      // Fields since removed are gone, fields since added have their defaults; what both know is the same.
      for (const [name, field] of Object.entries(value)) {
        if (name in decoded) assert.deepEqual(plain(decoded[name]), plain(field))
      }
      return
    }
    assert.deepEqual(plain(decoded), plain({ type: entry.subject, ...value }))
    assert.equal(Buffer.from(encode({ ...value, type: entry.subject } as unknown as AnyRecord)).toString('hex'), bytes)
  })
}

/** Without prototypes, which avsc gives its records. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}

test('each golden file belongs to a registered version', () => {
  const names = new Set(registry.map((entry) => `${entry.subject}.v${entry.version}.json`))
  for (const file of readdirSync(join(here, 'golden'))) assert.ok(names.has(file), `${file} is of no known schema`)
})

test('ids are given once, versions count up, and every record has one name', () => {
  assert.equal(new Set(registry.map((entry) => entry.id)).size, registry.length)
  for (const entry of registry) {
    const versions = registry.filter((other) => other.subject === entry.subject).map((other) => other.version)
    assert.deepEqual(
      versions,
      versions.map((_, index) => index + 1),
    )
    assert.equal(entry.schema.name, entry.subject)
  }
})

/** Throws, naming the field, where a reader of `newer` could not read what `older` wrote. */
function checkReadable(newer: unknown, older: unknown): void {
  const type = (schema: unknown) => avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false })
  type(newer).createResolver(type(older))
}

test('every version reads all older versions (BACKWARD_TRANSITIVE)', () => {
  for (const newer of registry) {
    for (const older of registry) {
      if (older.subject === newer.subject && older.version < newer.version) checkReadable(newer.schema, older.schema)
    }
  }
})

test('planted incompatible changes are refused, a compatible one is not', () => {
  const older = registry.find((entry) => entry.subject === 'VideoLiked')!.schema
  const fields = older.fields as readonly object[]
  const withField = (field: object) => ({ ...older, fields: [...fields, field] })
  checkReadable(withField({ name: 'mood', type: 'string', default: '' }), older)
  assert.throws(() => checkReadable(withField({ name: 'mood', type: 'string' }), older), /mood/)
  const retyped = fields.map((field) =>
    'name' in field && field.name === 'userId' ? { ...field, type: 'long' } : field,
  )
  assert.throws(() => checkReadable({ ...older, fields: retyped }, older))
})

test('generated types and the registry follow from the .avsc files', () => {
  execFileSync(process.execPath, [join(here, 'generate', 'generate.ts'), '--check'])
})
