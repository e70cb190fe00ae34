// FTRL-Proximal (McMahan et al. 2013, algorithm 1), per value. With n the sum of g^2:
// z += g - (sqrt(n + g^2) - sqrt(n)) / alpha * value, then value = 0 where |z| <= l1, else
// -(z - sign(z) * l1) / ((beta + sqrt(n)) / alpha + l2). State: z, then n. A fresh row's z is the one that its initial value
// solves, so a first gradient of 0 leaves the value where it was (but for rounding).

import type { OptimizerSpec } from '../table.ts'
import { float32Max, type Optimizer, outOfRange } from './optimizer.ts'

export const ftrl: Optimizer<Extract<OptimizerSpec, { kind: 'ftrl' }>> = {
  kind: 'ftrl',
  number: 6,
  stateColumns: (dimension) => 2 * dimension,
  parameters: ({ alpha, beta, l1, l2 }) => [alpha, beta, l1, l2].map(Math.fround),
  problem: ({ alpha, beta, l1, l2 }) =>
    outOfRange([
      ['alpha', alpha, 1e-6, 1e6],
      ['beta', beta, 1e-6, 1e6],
      ['l1', l1, 0, 1e6],
      ['l2', l2, 0, 1e6],
    ]),
  reference: (spec, dimension) => {
    const { fround } = Math
    const [alpha, beta, l1, l2] = [spec.alpha, spec.beta, spec.l1, spec.l2].map(fround) as [
      number,
      number,
      number,
      number,
    ]
    const slope = (root: number) => fround(fround(fround(beta + root) / alpha) + l2)
    return {
      start: (values, state) => {
        for (const [column, value] of values.entries()) {
          if (value === 0) continue
          const size = fround(fround(Math.abs(value) * slope(0)) + l1)
          state[column] = value > 0 ? -size : size
        }
      },
      update: (values, state, gradient) => {
        for (const [column, g] of gradient.entries()) {
          const before = state[dimension + column]!
          const after = Math.min(fround(before + fround(g * g)), float32Max)
          const root = fround(Math.sqrt(after))
          const sigma = fround(fround(root - fround(Math.sqrt(before))) / alpha)
          const z = fround(fround(state[column]! + g) - fround(sigma * values[column]!))
          state[column] = z
          state[dimension + column] = after
          const beyond = fround(Math.abs(z) - l1)
          if (beyond > 0) values[column] = fround(beyond / slope(root)) * (z > 0 ? -1 : 1)
          else values[column] = 0
        }
      },
    }
  },
}
