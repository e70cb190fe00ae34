// Row gradients come back as they went, from every alignment, and a wrong length is refused wherever it is cut.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeGradientRows, encodeGradientRows, type TableGradient } from './gradient-rows.ts'

const anyTable: fc.Arbitrary<TableGradient> = fc
  .record({
    table: fc.string({ maxLength: 12 }),
    dimension: fc.integer({ min: 1, max: 5 }),
    ids: fc.uniqueArray(fc.bigInt(1n, 2n ** 64n - 1n), { maxLength: 7 }),
    seed: fc.nat(1_000),
  })
  .map(({ table, dimension, ids, seed }) => ({
    table,
    dimension,
    ids: BigUint64Array.from(ids),
    eventTimesMs: Float64Array.from(ids, (_, index) => seed * 1e9 + index),
    occurrences: Uint32Array.from(ids, (_, index) => seed + index),
    values: Float32Array.from({ length: ids.length * dimension }, (_, index) => index / 3 - seed),
  }))

test('gradient rows come back from every alignment', () => {
  fc.assert(
    fc.property(fc.array(anyTable, { maxLength: 4 }), fc.nat(8), (tables, by) => {
      const bytes = encodeGradientRows(tables)
      const moved = new Uint8Array(bytes.length + by)
      moved.set(bytes, by)
      const back = decodeGradientRows(moved.subarray(by))
      assert.deepEqual(back, tables)
      for (const { ids } of back) assert.equal(ids.buffer === moved.buffer, by % 8 === 0)
    }),
  )
})

test('gradient rows of a wrong length are refused', () => {
  fc.assert(
    fc.property(fc.array(anyTable, { minLength: 1, maxLength: 3 }), (tables) => {
      const bytes = encodeGradientRows(tables)
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeGradientRows(bytes.subarray(0, length)), RangeError)
      }
      assert.throws(() => decodeGradientRows(Uint8Array.of(...bytes, 0, 0, 0, 0, 0, 0, 0, 0)), RangeError)
    }),
    { numRuns: 20 },
  )
})

test('counts far beyond the bytes are refused, not allocated', () => {
  const bytes = encodeGradientRows([])
  new DataView(bytes.buffer).setUint32(0, 0xffffffff, true)
  assert.throws(() => decodeGradientRows(bytes), RangeError)
  const one = new Uint8Array(40)
  const view = new DataView(one.buffer)
  view.setUint32(0, 1, true)
  for (const field of [8, 12, 16]) view.setUint32(field, 0xffffffff, true)
  assert.throws(() => decodeGradientRows(one), RangeError)
})
