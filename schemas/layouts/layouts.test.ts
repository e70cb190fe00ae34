// Layouts come back as they went, as views where the bytes are aligned and as copies where they are not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeDeltaRows, encodeDeltaRows } from './delta-rows.ts'
import { decodeFeatureRow, encodeFeatureRow, RowMemory } from './feature-row.ts'
import { decodeFloats, encodeFloats } from './floats.ts'

const anyId = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const ids = fc.array(anyId, { maxLength: 20 })
const floats = fc.array(fc.float({ noNaN: false }), { maxLength: 20 })

/** The same bytes at another offset of another buffer. */
function shifted(bytes: Uint8Array, by: number): Uint8Array {
  const out = new Uint8Array(bytes.length + by)
  out.set(bytes, by)
  return out.subarray(by)
}

/** As rows were laid out at first: all ids, then all values. */
function wholeRow(rowIds: readonly bigint[], dense: readonly number[]): Uint8Array {
  const out = Buffer.alloc(8 + 8 * rowIds.length + 4 * dense.length)
  out.writeUInt16LE(rowIds.length, 0)
  out.writeUInt16LE(dense.length, 2)
  for (const [index, id] of rowIds.entries()) out.writeBigUInt64LE(id, 8 + 8 * index)
  for (const [index, value] of dense.entries()) out.writeFloatLE(value, 8 + 8 * rowIds.length + 4 * index)
  return new Uint8Array(out)
}

const sparseIds = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(0n) }, anyId), { maxLength: 80 })
const sparseFloats = fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.float({ noNaN: false })), {
  maxLength: 80,
})

test('feature rows come back from every alignment, from memory that held another before', () => {
  const memory = new RowMemory()
  fc.assert(
    fc.property(fc.oneof(ids, sparseIds), fc.oneof(floats, sparseFloats), fc.nat(8), (rowIds, dense, by) => {
      const bytes = shifted(encodeFeatureRow(BigUint64Array.from(rowIds), Float32Array.from(dense)), by)
      for (const row of [decodeFeatureRow(bytes), decodeFeatureRow(bytes, memory)]) {
        assert.deepEqual([...row.ids], rowIds)
        assert.deepEqual([...row.dense], dense)
      }
    }),
  )
})

test('feature rows written before empty places were left out come back', () => {
  fc.assert(
    fc.property(ids, floats, fc.nat(8), (rowIds, dense, by) => {
      const bytes = shifted(wholeRow(rowIds, dense), by)
      const row = decodeFeatureRow(bytes)
      assert.deepEqual([...row.ids], rowIds)
      assert.deepEqual([...row.dense], dense)
    }),
  )
})

test('a feature row is laid out as it is described', () => {
  const row = encodeFeatureRow(BigUint64Array.of(0x0807060504030201n, 0n, 9n), Float32Array.of(0, -2))
  const header = [3, 0, 2, 0, 3, 0, 1, 0]
  const bits = [0b101, 0, 0, 0, 0b10, 0, 0, 0]
  assert.deepEqual([...row], [...header, ...bits, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0])
})

test('an empty place of a feature row takes a bit', () => {
  const row = encodeFeatureRow(new BigUint64Array(200), new Float32Array(180))
  assert.equal(row.byteLength, 8 + 28 + 24)
})

test('a feature row whose bits do not tell as many as it holds is refused', () => {
  const bytes = encodeFeatureRow(BigUint64Array.of(1n, 0n, 3n), Float32Array.of(4, 0))
  for (const [at, bits] of [
    [8, 0b001],
    [8, 0b111],
    [8, 0b1001],
    [12, 0b00],
    [12, 0b11],
    [12, 0b100],
  ] as const) {
    const wrong = bytes.slice()
    wrong[at] = bits
    assert.throws(() => decodeFeatureRow(wrong), RangeError, `${bits} at ${at}`)
  }
})

test('a feature row encodes a part of a larger array', () => {
  const row = decodeFeatureRow(
    encodeFeatureRow(BigUint64Array.of(1n, 2n, 3n).subarray(1), Float32Array.of(4, 5).subarray(1)),
  )
  assert.deepEqual([[...row.ids], [...row.dense]], [[2n, 3n], [5]])
})

test('a feature row of a wrong length is refused', () => {
  const bytes = encodeFeatureRow(BigUint64Array.of(1n), Float32Array.of(2))
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeFeatureRow(bytes.subarray(0, length)), RangeError)
  }
  assert.throws(() => decodeFeatureRow(Uint8Array.of(...bytes, 0)), RangeError)
})

test('delta rows come back from every alignment, exact as float32, rounded as fp16', () => {
  const rows = fc.array(
    fc.record({
      id: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
      timeMs: fc.maxSafeNat(),
      values: fc.array(fc.float({ min: -1_000, max: 1_000, noNaN: true }), { minLength: 3, maxLength: 3 }),
    }),
    { maxLength: 10 },
  )
  fc.assert(
    fc.property(rows, fc.boolean(), fc.nat(8), (drawn, half, by) => {
      const values = Float32Array.from(drawn.flatMap((row) => row.values))
      const given = {
        ids: BigUint64Array.from(drawn.map((row) => row.id)),
        eventTimesMs: Float64Array.from(drawn.map((row) => row.timeMs)),
        values,
      }
      const back = decodeDeltaRows(shifted(encodeDeltaRows(given, half), by), 3, half)
      assert.deepEqual(back.ids, given.ids)
      assert.deepEqual(back.eventTimesMs, given.eventTimesMs)
      assert.deepEqual(back.values, half ? Float32Array.from(Float16Array.from(values)) : values)
    }),
  )
})

test('delta rows of another dimension, width or length are refused', () => {
  const given = { ids: BigUint64Array.of(1n), eventTimesMs: Float64Array.of(2), values: Float32Array.of(1, 2, 3) }
  const bytes = encodeDeltaRows(given, false)
  assert.throws(() => decodeDeltaRows(bytes, 4, false), RangeError)
  assert.throws(() => decodeDeltaRows(bytes, 3, true), RangeError)
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeDeltaRows(bytes.subarray(0, length), 3, false), RangeError)
  }
})

test('float vectors come back from every alignment', () => {
  fc.assert(
    fc.property(floats, fc.nat(4), (values, by) => {
      assert.deepEqual([...decodeFloats(shifted(encodeFloats(Float32Array.from(values)), by))], values)
    }),
  )
})
