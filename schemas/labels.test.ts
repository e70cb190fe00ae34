// Labels follow from watch time and duration at their stated edges; without a duration there are no ratio labels.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Head, headIndex, heads, viewLabels, watchTimeMsMax } from './labels.ts'

function labelsOf(watchTimeMs: number, durationMs: number, replays = 0): (head: Head) => number {
  const out = new Float32Array(heads.length).fill(-1)
  viewLabels({ watchTimeMs, durationMs, replays }, out)
  return (head) => out[headIndex[head]]!
}

test('complete from 95 % on', () => {
  assert.equal(labelsOf(9_499, 10_000)('complete'), 0)
  assert.equal(labelsOf(9_500, 10_000)('complete'), 1)
})

test('a long view is 18 s, or the whole of a shorter video', () => {
  assert.equal(labelsOf(17_999, 60_000)('longView'), 0)
  assert.equal(labelsOf(18_000, 60_000)('longView'), 1)
  assert.equal(labelsOf(4_999, 5_000)('longView'), 0)
  assert.equal(labelsOf(5_000, 5_000)('longView'), 1)
})

test('an early skip is under two seconds and under half', () => {
  assert.equal(labelsOf(1_999, 10_000)('earlySkip'), 1)
  assert.equal(labelsOf(2_000, 10_000)('earlySkip'), 0)
  assert.equal(labelsOf(1_500, 3_000)('earlySkip'), 0)
  assert.equal(labelsOf(1_499, 3_000)('earlySkip'), 1)
})

test('duration 0 gives no ratio labels, but replay and watch time', () => {
  const label = labelsOf(3_000, 0, 1)
  for (const head of ['complete', 'longView', 'earlySkip'] as const) assert.ok(Number.isNaN(label(head)), head)
  assert.equal(label('replay'), 1)
  assert.equal(label('watchTime'), Math.fround(Math.log1p(3)))
})

test('watch time is clipped before the logarithm', () => {
  assert.equal(labelsOf(1e12, 10_000)('watchTime'), Math.fround(Math.log1p(watchTimeMsMax / 1_000)))
  assert.equal(labelsOf(0, 10_000)('watchTime'), 0)
})

test('engagement heads are left alone: a view says nothing about them', () => {
  const label = labelsOf(3_000, 10_000)
  for (const head of ['like', 'share', 'comment', 'follow', 'notInterested'] as const) assert.equal(label(head), -1)
})

test('whatever the view, labels are 0, 1 or unknown, and agree with each other', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.nat(1_000_000), fc.nat(3), (watchTimeMs, durationMs, replays) => {
      const label = labelsOf(watchTimeMs, durationMs, replays)
      for (const head of ['complete', 'longView', 'replay', 'earlySkip'] as const) {
        const value = label(head)
        assert.ok(value === 0 || value === 1 || (durationMs === 0 && Number.isNaN(value)))
      }
      assert.ok(!(label('complete') === 1 && label('earlySkip') === 1))
      assert.ok(label('watchTime') >= 0 && label('watchTime') <= Math.log1p(watchTimeMsMax / 1_000) + 1e-6)
    }),
  )
})
