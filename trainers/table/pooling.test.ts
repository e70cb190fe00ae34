// Batches and pooling against plain definitions; the gradient is checked as the transpose of the pooling.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { absentIndex, IdBatch } from './id-batch.ts'
import { gatherPresent, newestEventTimes } from './present-ids.ts'
import { SlotPooling } from './slot-pooling.ts'

const anyId = fc.oneof(fc.bigInt(0n, 6n), fc.bigInt(0n, 2n ** 64n - 1n), fc.constant(0n), fc.constant(1n << 32n))

interface PoolCase {
  readonly ids: BigUint64Array
  readonly slotWidths: Uint32Array
  readonly batchSize: number
  readonly dimension: number
}

const anyCase: fc.Arbitrary<PoolCase> = fc
  .record({
    widths: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }),
    batchSize: fc.integer({ min: 0, max: 6 }),
    dimension: fc.integer({ min: 1, max: 5 }),
  })
  .chain(({ widths, batchSize, dimension }) => {
    const length = batchSize * widths.reduce((sum, width) => sum + width, 0)
    return fc.array(anyId, { minLength: length, maxLength: length }).map((ids) => {
      return { ids: BigUint64Array.from(ids), slotWidths: Uint32Array.from(widths), batchSize, dimension }
    })
  })

describe('IdBatch', () => {
  test('lists distinct ids in order of first appearance, with their positions and occurrences', () => {
    const batch = new IdBatch()
    fc.assert(
      fc.property(fc.array(anyId, { maxLength: 300 }), (list) => {
        batch.build(BigUint64Array.from([...list, 99n]), list.length)
        const distinct = [...new Set(list.filter((id) => id !== 0n))]
        assert.deepEqual([...batch.uniqueIds.subarray(0, batch.uniqueCount)], distinct)
        const index = list.map((id) => (id === 0n ? absentIndex : distinct.indexOf(id)))
        assert.deepEqual([...batch.index.subarray(0, list.length)], index)
        const occurrences = distinct.map((id) => list.filter((other) => other === id).length)
        assert.deepEqual([...batch.occurrences.subarray(0, batch.uniqueCount)], occurrences)
      }),
    )
  })

  test('takes a view into a larger buffer and many ids that differ in the high half alone', () => {
    const ids = BigUint64Array.from({ length: 5000 }, (_, index) => BigInt(index) << 32n)
    const batch = new IdBatch()
    batch.build(ids.subarray(1), 4999)
    assert.equal(batch.uniqueCount, 4999)
    assert.equal(batch.uniqueIds[4998], 4999n << 32n)
  })
})

describe('pooling', () => {
  test('is the float32 mean of the present rows of each slot', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        const { batch, rows, pooled } = pool(each)
        const { ids, slotWidths, batchSize, dimension } = each
        let position = 0
        for (let cell = 0; cell < batchSize * slotWidths.length; cell++) {
          const end = position + slotWidths[cell % slotWidths.length]!
          const present = [...ids.subarray(position, end)].filter((id) => id !== 0n)
          position = end
          for (let column = 0; column < dimension; column++) {
            const values = present.map((id) => rows[batch.uniqueIds.indexOf(id) * dimension + column]!)
            const sum = values.reduce((total, value) => Math.fround(total + value), 0)
            const mean = present.length === 0 ? 0 : Math.fround(sum / present.length)
            assert.equal(pooled[cell * dimension + column], mean)
          }
        }
      }),
    )
  })

  test('has as its reverse the transpose: <pooled, g> = <rows, reverse of g>', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        const { pooling, rows, pooled } = pool(each)
        const gradient = Float32Array.from(pooled, (_, index) => ((index * 37) % 11) - 5)
        pooling.pooled.set(gradient)
        pooling.rows.fill(0)
        pooling.unpool(each.batchSize)
        const reversed = pooling.rows.subarray(0, rows.length)
        assert.ok(Math.abs(inner(pooled, gradient) - inner(rows, reversed)) < 1e-3)
      }),
    )
  })

  test('keeps the newest event time per id', () => {
    const batch = new IdBatch()
    batch.build(BigUint64Array.of(5n, 6n, 5n, 6n, 7n), 5)
    const out = new Float64Array(3)
    newestEventTimes(batch, Uint32Array.of(1, 3, 5), Float64Array.of(20, -1, 10), 3, out)
    assert.deepEqual([...out], [20, 10, 10])
  })
})

/** Each example's ids lie slot after slot, and its pooled columns too. */
function pool({ ids, slotWidths, batchSize, dimension }: PoolCase) {
  const starts = slotWidths.map((_, slot) => slotWidths.subarray(0, slot).reduce((sum, width) => sum + width, 0))
  const slots = { starts, widths: slotWidths, columns: starts.map((_, slot) => slot * dimension) }
  const idsPerExample = ids.length / Math.max(1, batchSize)
  const gathered = new BigUint64Array(ids.length)
  const pooling = new SlotPooling(slotWidths.length, dimension)
  pooling.reserve(batchSize, ids.length)
  let count = 0
  for (let example = 0; example < batchSize; example++) {
    const own = new Uint32Array(ids.slice(example * idsPerExample, (example + 1) * idsPerExample).buffer)
    const cell = example * slotWidths.length
    count = gatherPresent(slots, own, new Uint32Array(gathered.buffer), count, pooling.counts, cell)
  }
  assert.deepEqual(
    gathered.subarray(0, count),
    ids.filter((id) => id !== 0n),
  )
  const batch = new IdBatch()
  batch.build(gathered, count)
  const rows = Float32Array.from({ length: batch.uniqueCount * dimension }, (_, index) => ((index * 29) % 17) / 7 - 1)
  pooling.index.set(batch.index.subarray(0, count))
  pooling.rows.set(rows)
  pooling.pooled.fill(9)
  pooling.pool(batchSize)
  return { pooling, batch, rows, pooled: pooling.pooled.slice() }
}

function inner(left: Float32Array, right: Float32Array): number {
  return left.reduce((sum, value, index) => sum + value * right[index]!, 0)
}
