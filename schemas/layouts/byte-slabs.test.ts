// Copies hold what they were made of, stay apart from each other, and begin at multiples of 8.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { alignedTo, ByteSlabs } from './byte-slabs.ts'
import { decodeFloats, encodeFloats } from './floats.ts'

test('copies are equal, apart and aligned', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 40 }), (all) => {
      const slabs = new ByteSlabs(512)
      const copies = all.map((bytes) => slabs.copy(bytes))
      for (const [index, copy] of copies.entries()) {
        assert.deepEqual([...copy], [...all[index]!])
        assert.equal(copy.byteOffset % 8, 0)
      }
      for (const copy of copies) copy.fill(copy.length)
      assert.ok(copies.every((copy) => copy.every((byte) => byte === copy.length)))
    }),
  )
})

test('bytes that stand right are not copied', () => {
  const bytes = new Uint8Array(24)
  assert.equal(alignedTo(8, bytes.subarray(8)).buffer, bytes.buffer)
  assert.equal(alignedTo(4, bytes.subarray(4)).buffer, bytes.buffer)
  assert.notEqual(alignedTo(8, bytes.subarray(4)).buffer, bytes.buffer)
})

test('floats come back, few or many, and few are copies', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true }), { maxLength: 100 }), (values) => {
      const floats = Float32Array.from(values)
      assert.deepEqual(decodeFloats(encodeFloats(floats)), floats)
    }),
  )
  const few = Float32Array.of(1, 2)
  const bytes = encodeFloats(few)
  few.fill(3)
  assert.deepEqual([...decodeFloats(bytes)], [1, 2])
})
