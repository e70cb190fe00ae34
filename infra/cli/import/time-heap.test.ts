// The heap gives back what it was given, in the order of (time, sequence).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TimeHeap } from './time-heap.ts'

test('popping everything is sorting', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), (times) => {
      const heap = new TimeHeap<string>()
      times.forEach((timeMs, sequence) => {
        heap.push(timeMs, sequence, `${timeMs}/${sequence}`)
      })
      const sorted = times
        .map((timeMs, sequence) => ({ timeMs, sequence }))
        .sort((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence)
      for (const { timeMs, sequence } of sorted) {
        assert.equal(heap.earliestMs, timeMs)
        assert.equal(heap.pop(), `${timeMs}/${sequence}`)
      }
      assert.equal(heap.size, 0)
      assert.equal(heap.earliestMs, Number.POSITIVE_INFINITY)
      assert.throws(() => heap.pop(), RangeError)
    }),
  )
})
