// The seeded numbers repeat, differ between texts, and have the moments they should.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom } from './seeded-random.ts'

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

describe('seeded random', () => {
  test('the same text gives the same numbers, another text others', () => {
    const numbers = (text: string) => {
      const random = seededRandom(text)
      return Array.from({ length: 5 }, () => random.uniform())
    }
    assert.deepEqual(numbers('a'), numbers('a'))
    assert.notDeepEqual(numbers('a'), numbers('b'))
  })

  test('uniform and beta numbers have the means of their distributions', () => {
    const random = seededRandom('moments')
    const uniforms = Array.from({ length: 20_000 }, () => random.uniform())
    assert.ok(uniforms.every((value) => value >= 0 && value < 1))
    assert.ok(Math.abs(mean(uniforms) - 0.5) < 0.01)
    for (const [alpha, beta] of [
      [0.4, 1.2],
      [3, 1],
      [1, 1],
      [20, 40],
    ] as const) {
      const values = Array.from({ length: 20_000 }, () => random.beta(alpha, beta))
      assert.ok(values.every((value) => value >= 0 && value <= 1))
      assert.ok(Math.abs(mean(values) - alpha / (alpha + beta)) < 0.01, `beta(${alpha}, ${beta})`)
    }
  })
})
