// Sections come back as they went, whole or in parts, nested, from any alignment and from a Buffer.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeSections, encodeSections, joined, sectionOf, streamSections } from './sections.ts'

const anyBytes = fc.uint8Array({ maxLength: 40 })
const anySections = fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), anyBytes, { maxKeys: 5 })

describe('sections', () => {
  test('streams give the bytes of the whole, of the length they say', () => {
    fc.assert(
      fc.property(anySections, fc.nat(9), (given, cut) => {
        const sections = new Map(Object.entries(given))
        const whole = encodeSections({ a: 1 }, sections)
        const streams = new Map(
          [...sections].map(([name, bytes]) => {
            const parts = () => [bytes.subarray(0, cut), bytes.subarray(cut)]
            return [name, { byteLength: bytes.byteLength, parts }]
          }),
        )
        const stream = streamSections({ a: 1 }, streams)
        assert.equal(stream.byteLength, whole.byteLength)
        assert.deepEqual(joined(stream), whole)
        assert.deepEqual(joined(stream), whole)
        const outer = decodeSections(encodeSections({}, new Map([['inner', stream]])))
        assert.deepEqual(sectionOf(outer, 'inner'), whole)
      }),
    )
  })

  test('come back from every alignment, never as a Buffer', () => {
    fc.assert(
      fc.property(anySections, fc.nat(8), (given, by) => {
        const bytes = encodeSections({ at: [by] }, new Map(Object.entries(given)))
        const moved = Buffer.alloc(bytes.length + by)
        moved.set(bytes, by)
        const { facts, sectionByName } = decodeSections(moved.subarray(by))
        assert.deepEqual(facts, { at: [by] })
        assert.deepEqual(Object.fromEntries(sectionByName), { ...given })
        for (const section of sectionByName.values()) assert.ok(!Buffer.isBuffer(section))
      }),
    )
  })

  test('a section that is not as long as it says is a programmer error, cut bytes are refused', () => {
    const wrong = { byteLength: 5, parts: () => [new Uint8Array(4)] }
    assert.throws(() => encodeSections({}, new Map([['wrong', wrong]])), /gave 4 bytes of 5/)
    const bytes = encodeSections({}, new Map([['a', new Uint8Array(9)]]))
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeSections(bytes.subarray(0, length)), RangeError)
    }
  })
})
