// Strings, maps and arrays are read as avsc itself reads them, however often and from however short an input.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import avro from 'avsc'
import fc from 'fast-check'
import { boundedContainers } from './avro-containers.ts'
import { internedStrings } from './interned-strings.ts'

const schema = {
  type: 'record',
  name: 'Sample',
  fields: [
    { name: 'text', type: 'string' },
    { name: 'texts', type: { type: 'array', items: 'string' } },
    { name: 'flags', type: { type: 'map', values: 'boolean' } },
  ],
} as avro.Schema
const plain = avro.Type.forSchema(schema, { wrapUnions: false })
const interned = avro.Type.forSchema(schema, {
  wrapUnions: false,
  registry: { string: internedStrings() },
  typeHook: boundedContainers,
})
const anyText = fc.oneof(
  fc.constantFrom('like', 'share?', '', 'für', 'a'.repeat(32), 'a'.repeat(33)),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
const anySample = fc.record({
  text: anyText,
  texts: fc.array(anyText, { maxLength: 5 }),
  // avsc makes maps plain objects, which have no key of this name.
  flags: fc.dictionary(
    anyText.filter((text) => text !== '__proto__'),
    fc.boolean(),
    { maxKeys: 5, noNullPrototype: true },
  ),
})

test('what avsc wrote is read as avsc reads it', () => {
  fc.assert(
    fc.property(fc.array(anySample, { minLength: 1, maxLength: 8 }), (samples) => {
      for (const sample of samples.flatMap((own) => [own, own])) {
        const bytes = plain.toBuffer(sample)
        const before = Buffer.from(bytes)
        const read = interned.fromBuffer(bytes)
        bytes.fill(0)
        assert.deepEqual({ ...read }, { ...plain.fromBuffer(before) })
        assert.deepEqual(interned.toBuffer(read), before)
      }
    }),
  )
})

test('a list of strings that says the same as the one before is the same list, which nobody can change', () => {
  const read = (texts: string[]) => interned.fromBuffer(plain.toBuffer({ text: '', texts, flags: {} })).texts
  const names = read(['like', 'share'])
  assert.equal(read(['like', 'share']), names)
  assert.ok(Object.isFrozen(names))
  assert.deepEqual(read(['like', 'follow']), ['like', 'follow'])
})

test('lists of strings in records of an older schema are read as well', () => {
  const { fields } = schema as unknown as { fields: readonly unknown[] }
  const later = {
    ...(schema as object),
    fields: [...fields, { name: 'added', type: 'int', default: 7 }],
  } as avro.Schema
  const current = avro.Type.forSchema(later, {
    wrapUnions: false,
    registry: { string: internedStrings() },
    typeHook: boundedContainers,
  })
  const resolver = current.createResolver(interned)
  for (const texts of [['like', 'share'], ['like', 'share'], []]) {
    const bytes = interned.toBuffer({ text: 'a', texts, flags: { on: true } })
    assert.deepEqual({ ...current.fromBuffer(bytes, resolver) }, { text: 'a', texts, flags: { on: true }, added: 7 })
  }
})

test('an input that is cut short is refused wherever it is cut', () => {
  fc.assert(
    fc.property(anySample, (sample) => {
      const bytes = plain.toBuffer(sample)
      interned.fromBuffer(bytes)
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => interned.fromBuffer(bytes.subarray(0, length)))
      }
    }),
    { numRuns: 50 },
  )
})

test('a count beyond the bytes, of either kind of container, ends at once', () => {
  const endless = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07])
  assert.throws(() => interned.fromBuffer(Buffer.concat([Buffer.from([0, 0]), endless])))
  assert.throws(() => interned.fromBuffer(Buffer.concat([Buffer.from([0]), endless])))
})
