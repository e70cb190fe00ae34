// Each optimizer's reference against its textbook formula in float64, and what tells it from the others.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { OptimizerSpec } from '../table.ts'
import { optimizers } from '../table-rig.ts'
import { optimizerOf } from '../table-spec.ts'

const dimension = 6
const steps = 200

/** Values after gradients, by the formula as it is written in the paper. */
type Textbook = (start: readonly number[], gradients: readonly (readonly number[])[]) => number[]

const textbooks: Partial<Record<OptimizerSpec['kind'], Textbook>> = {
  sgd: (start, gradients) => perColumn(start, gradients, (w, gs) => gs.reduce((value, g) => value - 0.1 * g, w)),
  adagrad: (start, gradients) =>
    perColumn(start, gradients, (w, gs) => {
      let n = 1e-5
      return gs.reduce((value, g) => {
        n += g * g
        return value - (0.05 * g) / (Math.sqrt(n) + 1e-8)
      }, w)
    }),
  'rowwise-adagrad': (start, gradients) => {
    const values = [...start]
    let n = 0
    for (const row of gradients) {
      n += row.reduce((sum, g) => sum + g * g, 0) / row.length
      for (const [column, g] of row.entries()) values[column]! -= (0.05 * g) / (Math.sqrt(n) + 1e-6)
    }
    return values
  },
  adam: (start, gradients) =>
    perColumn(start, gradients, (w, gs) => {
      let [m, v] = [0, 0]
      return gs.reduce((value, g, index) => {
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        const [mHat, vHat] = [m / (1 - 0.9 ** (index + 1)), v / (1 - 0.999 ** (index + 1))]
        return value - (0.01 * mHat) / (Math.sqrt(vHat) + 1e-8)
      }, w)
    }),
  ftrl: (start, gradients) =>
    perColumn(start, gradients, (w, gs) => {
      const { alpha, beta, l1, l2 } = optimizers.ftrl
      let n = 0
      let z = -w * (beta / alpha + l2) - Math.sign(w) * l1
      return gs.reduce((value, g) => {
        z += g - ((Math.sqrt(n + g * g) - Math.sqrt(n)) / alpha) * value
        n += g * g
        return Math.abs(z) <= l1 ? 0 : -(z - Math.sign(z) * l1) / ((beta + Math.sqrt(n)) / alpha + l2)
      }, w)
    }),
}

describe('optimizers', () => {
  for (const [kind, textbook] of Object.entries(textbooks)) {
    test(`${kind} follows its formula`, () => {
      const start = Float32Array.from({ length: dimension }, (_, column) => (column - 2) / 40)
      const gradients = Array.from({ length: steps }, (_, step) => {
        return Float32Array.from(start, (_, column) => Math.sin(step * 1.7 + column) + (column - 2) / 3)
      })
      const values = learn(optimizers[kind as OptimizerSpec['kind']], start, gradients)
      const rows = gradients.map((row) => [...row])
      for (const [column, value] of textbook([...start], rows).entries()) {
        assert.ok(Math.abs(values[column]! - value) < 2e-4 * (1 + Math.abs(value)), `${values[column]}, not ${value}`)
      }
    })
  }

  test('ftrl starts at the initial value, keeps it without a gradient, and drops what the gradients do not want', () => {
    const start = Float32Array.from([0.09, -0.04, 0, 0.001, -0.1, 0.02])
    const kept = learn(optimizers.ftrl, start, [new Float32Array(dimension)])
    for (const [column, value] of kept.entries()) assert.ok(Math.abs(value - start[column]!) < 1e-6)
    const pulledBack = learn(optimizers.ftrl, start, [Float32Array.from(start, (value) => Math.sign(value) * 0.6)])
    assert.equal(pulledBack[3], 0)
    const against = learn(optimizers.ftrl, new Float32Array(dimension), [new Float32Array(dimension).fill(2)])
    assert.ok(against.every((value) => value < 0))
  })

  test('adam moves a rarely pushed row as far as any other with its first push', () => {
    const moved = learn(optimizers.adam, new Float32Array(dimension), [Float32Array.of(5, -3, 0.01, 1, 9, -9)])
    for (const value of moved) assert.ok(Math.abs(Math.abs(value) - 0.01) < 1e-6)
  })
})

function learn(spec: OptimizerSpec, start: Float32Array, gradients: readonly Float32Array[]): Float32Array {
  const optimizer = optimizerOf({ optimizer: spec })
  const reference = optimizer.reference(spec, dimension)
  const values = start.slice()
  const state = new Float32Array(optimizer.stateColumns(dimension))
  reference.start(values, state)
  for (const gradient of gradients) reference.update(values, state, gradient, 0)
  return values
}

function perColumn(
  start: readonly number[],
  gradients: readonly (readonly number[])[],
  last: (value: number, gradients: number[]) => number,
): number[] {
  return start.map((value, column) =>
    last(
      value,
      gradients.map((row) => row[column]!),
    ),
  )
}
