// The fresh index lists what a sort by time would, and forgets the oldest first.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type FreshIndex, freshIndex } from './fresh-index.ts'

const listed = (index: FreshIndex): number[] => {
  const keys: number[] = []
  index.newestFirst((key) => {
    keys.push(key)
    return true
  })
  return keys
}

describe('fresh index', () => {
  test('agrees with a sort under insertions, moves and removals', () => {
    const change = fc.record({ key: fc.nat(20), timeMs: fc.nat(50), removed: fc.boolean() })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
        const index = freshIndex({ videosMax: 100 })
        const oracle = new Map<number, number>()
        for (const { key, timeMs, removed } of changes) {
          if (removed) {
            index.remove(key)
            oracle.delete(key)
          } else {
            index.upsert(key, timeMs)
            oracle.set(key, timeMs)
          }
        }
        const want = [...oracle].sort((a, b) => b[1] - a[1] || b[0] - a[0]).map(([key]) => key)
        assert.deepEqual(listed(index), want)
      }),
    )
  })

  test('the oldest makes room, and a visitor may stop', () => {
    const index = freshIndex({ videosMax: 2 })
    for (const key of [1, 2, 3]) index.upsert(key, key)
    assert.deepEqual(listed(index), [3, 2])
    const seen: number[] = []
    index.newestFirst((key) => {
      seen.push(key)
      return false
    })
    assert.deepEqual(seen, [3])
  })
})
