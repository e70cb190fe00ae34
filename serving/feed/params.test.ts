// Params stay in their ranges whatever a policy says.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defaultParams, paramSpecs, withPolicy } from './params.ts'

describe('params', () => {
  test('every default lies in its range and has a reason', () => {
    for (const specs of Object.values(paramSpecs)) {
      for (const [name, spec] of Object.entries(specs)) {
        assert.ok(spec.default >= spec.min && spec.default <= spec.max, name)
        assert.ok(spec.reason.length > 0, name)
      }
    }
  })

  test('a policy replaces its whole group and leaves the others', () => {
    const first = withPolicy(defaultParams, 'ranking', { like: 5, share: 6 })
    const second = withPolicy(first.params, 'ranking', { like: 7 })
    assert.equal(second.params.ranking.like, 7)
    assert.equal(second.params.ranking.share, defaultParams.ranking.share)
    assert.deepEqual(second.params.retrieval, defaultParams.retrieval)
  })

  test('one param can be set alone', () => {
    const first = withPolicy(defaultParams, 'ranking.like', 5)
    const second = withPolicy(first.params, 'ranking.share', 6)
    assert.deepEqual([second.params.ranking.like, second.params.ranking.share], [5, 6])
  })

  test('what does not fit is refused, the rest applies', () => {
    const outcome = withPolicy(defaultParams, 'ranking', { like: 5, share: 1_000, wish: 1, comment: 'x', toString: 1 })
    assert.equal(outcome.params.ranking.like, 5)
    assert.equal(outcome.params.ranking.share, defaultParams.ranking.share)
    assert.equal(outcome.refused.length, 4)
    assert.equal(withPolicy(defaultParams, 'adverts', {}).params, defaultParams)
    assert.equal(withPolicy(defaultParams, 'ranking', null).refused.length, 1)
  })
})
