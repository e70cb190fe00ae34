// Popularity against sums by definition; factorisation against the normal equations and a planted structure.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../streams/runtime/simulated-runtime.ts'
import { ImplicitAls } from './implicit-als.ts'
import { gramOf, RidgeSystem } from './ridge-system.ts'
import { VideoPopularity } from './video-popularity.ts'

describe('popularity', () => {
  test('is the sum of what is left of each addition, up to a factor', () => {
    const additions = fc.array(fc.record({ video: fc.nat({ max: 4 }), afterMs: fc.nat({ max: 3_000 }) }), {
      minLength: 1,
      maxLength: 30,
    })
    fc.assert(
      // Half-lives short enough that old ones are scaled down on the way.
      fc.property(additions, fc.constantFrom(10, 1_000, Number.POSITIVE_INFINITY), (list, halfLifeMs) => {
        const popularity = new VideoPopularity(halfLifeMs)
        let nowMs = 1e12
        const added = list.map(({ video, afterMs }) => {
          nowMs += afterMs
          popularity.add('tab', video, nowMs)
          return { video, timeMs: nowMs }
        })
        const want = Array.from({ length: 5 }, (_, video) =>
          added
            .filter((each) => each.video === video)
            .reduce((sum, { timeMs }) => sum + 2 ** ((timeMs - nowMs) / halfLifeMs), 0),
        )
        const found = popularity.scores('tab', 5)
        const newest = added.at(-1)!.video
        const factor = found[newest]! / want[newest]!
        for (let video = 0; video < 5; video++) {
          assert.ok(Math.abs(found[video]! / factor - want[video]!) < 1e-9 * (1 + want[video]!))
        }
        assert.ok(popularity.scores('other', 5).every((score) => score === 0))
      }),
    )
  })
})

describe('ridge system', () => {
  test('solves its normal equations', () => {
    const random = seededRandom(1)
    const [factors, rows, alpha, regularization] = [5, 9, 3, 0.5]
    const matrix = Float32Array.from({ length: rows * factors }, () => random() - 0.5)
    const known = [0, 4, 7]
    const out = new Float32Array(factors + 2)
    new RidgeSystem(factors, alpha, regularization).solve(gramOf(matrix, factors), matrix, known, out, 1)
    const at = (row: number, factor: number) => matrix[row * factors + factor]!
    for (let factor = 0; factor < factors; factor++) {
      let left = regularization * out[1 + factor]!
      let right = 0
      for (let row = 0; row < rows; row++) {
        const confidence = known.includes(row) ? 1 + alpha : 1
        let dot = 0
        for (let inner = 0; inner < factors; inner++) dot += at(row, inner) * out[1 + inner]!
        left += confidence * dot * at(row, factor)
        if (known.includes(row)) right += confidence * at(row, factor)
      }
      assert.ok(Math.abs(left - right) < 1e-4, `${left}, not ${right}`)
    }
    assert.equal(out[0], 0)
    assert.equal(out[factors + 1], 0)
  })
})

describe('implicit factorisation', () => {
  /** Users of two camps: each watched half of the videos of its own. */
  const campOf = (user: number) => user % 2
  const videosOf = (user: number, random: () => number) =>
    Array.from({ length: 20 }, (_, index) => 2 * index + campOf(user)).filter(() => random() < 0.5)

  test('finds the camp of a user it never saw from a few positives', () => {
    const random = seededRandom(2)
    const als = new ImplicitAls({ factors: 2, alpha: 10, regularization: 0.1, seed: 1 })
    als.fit(
      Array.from({ length: 60 }, (_, user) => videosOf(user, random)),
      40,
      6,
    )
    const scores = als.scores([1, 5, 9], 44)!
    const ofCamp = (camp: number) => Array.from({ length: 20 }, (_, index) => scores[2 * index + camp]!)
    assert.ok(Math.min(...ofCamp(1)) > Math.max(...ofCamp(0)))
    assert.deepEqual([...scores.slice(40)], [0, 0, 0, 0])
    assert.equal(als.scores([], 40), null)
    assert.equal(als.scores([41], 44), null)
  })

  test('is the same for the same positives, also when it is fitted again', () => {
    const fitted = () => {
      const random = seededRandom(4)
      const als = new ImplicitAls()
      const users = Array.from({ length: 20 }, (_, user) => videosOf(user, random))
      als.fit(users, 30 + 10, 2)
      als.fit(users, 30 + 12, 1)
      return als.scores([3], 42)
    }
    assert.deepEqual(fitted(), fitted())
  })
})
