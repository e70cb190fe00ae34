// The prior is the logarithm of a decayed count, whenever that was last told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { exposurePrior, outcomesFloor } from './exposure-prior.ts'

const hourMs = 3_600_000

test('the logarithm of what is left of each count, never below the floor', () => {
  const told = fc.record({ key: fc.nat(3_000), outcomes: fc.integer({ min: -1, max: 500 }), hours: fc.nat(100) })
  fc.assert(
    fc.property(fc.array(told, { maxLength: 40 }), fc.nat(100), (changes, later) => {
      const prior = exposurePrior(6 * hourMs)
      const startMs = 1.65e12
      const leftByKey = new Map<number, number>()
      const nowMs = startMs + (100 + later) * hourMs
      for (const { key, outcomes, hours } of changes) {
        prior.set(key, outcomes, startMs + hours * hourMs)
        leftByKey.set(key, Math.max(0, outcomes) * 2 ** (-(100 + later - hours) / 6))
      }
      const logOf = prior.at(nowMs)
      for (const [key, left] of leftByKey)
        assert.ok(Math.abs(logOf(key) - Math.log(Math.max(outcomesFloor, left))) < 1e-6)
      assert.equal(logOf(4_000), Math.log(outcomesFloor))
    }),
  )
})

test('a video that left is as if it had never been shown', () => {
  const prior = exposurePrior(hourMs)
  prior.set(2, 40, 0)
  prior.set(3, 40, 0)
  prior.remove(2)
  prior.remove(99_999)
  assert.equal(prior.at(0)(2), Math.log(outcomesFloor))
  assert.equal(prior.at(0)(3), Math.log(40))
  prior.clear()
  assert.equal(prior.at(0)(3), Math.log(outcomesFloor))
})
