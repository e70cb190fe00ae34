// Trending order equals a sort by decayed weight at any later time, under any changes.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { everywhere, trendingIndex } from './trending-index.ts'

const halfLifeMs = 1_000

describe('trending index', () => {
  test('lists what a sort of the decayed weights would', () => {
    const change = fc.record({ key: fc.nat(20), weight: fc.integer({ min: 0, max: 50 }), asOfMs: fc.nat(5_000) })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
        const index = trendingIndex({ halfLifeMs, listMax: 100, regionsMax: 4 })
        const weightAtEnd = new Map<number, number>()
        for (const { key, weight, asOfMs } of changes) {
          index.update(everywhere, key, weight, asOfMs)
          if (weight > 0) weightAtEnd.set(key, Math.log2(weight) + asOfMs / halfLifeMs)
          else weightAtEnd.delete(key)
        }
        const want = [...weightAtEnd].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([key]) => key)
        assert.deepEqual(index.top(everywhere), want)
      }),
    )
  })

  test('keeps regions apart, bounds both lists and regions', () => {
    const index = trendingIndex({ halfLifeMs, listMax: 2, regionsMax: 2 })
    assert.equal(index.open('DE'), true)
    assert.equal(index.open('FR'), false)
    index.update('DE', 1, 5, 0)
    index.update('DE', 2, 6, 0)
    index.update('DE', 3, 7, 0)
    index.update('FR', 4, 9, 0)
    assert.deepEqual(index.top('DE'), [3, 2])
    assert.deepEqual(index.top('FR'), [])
    assert.deepEqual(index.top(everywhere), [])
    index.remove(3)
    assert.deepEqual(index.top('DE'), [2])
    assert.equal(index.scoreOf('DE', 3), null)
  })
})
