// Adam (Kingma & Ba 2015): means of g and g^2, corrected for their start at zero. A row counts its own pushes: rows that
// are pushed rarely would otherwise be corrected for steps they never took. State: first means, second means, push count.

import type { OptimizerSpec } from '../table.ts'
import { learningRateMax, noStart, type Optimizer, outOfRange } from './optimizer.ts'

/** The count stays exact in a float32, and the corrections are 1 long before. */
const stepsMax = 2 ** 24

export const adam: Optimizer<Extract<OptimizerSpec, { kind: 'adam' }>> = {
  kind: 'adam',
  number: 5,
  stateColumns: (dimension) => 2 * dimension + 1,
  parameters: ({ learningRate, beta1, beta2, epsilon }) => [learningRate, beta1, beta2, epsilon].map(Math.fround),
  problem: ({ learningRate, beta1, beta2, epsilon }) =>
    outOfRange([
      ['learningRate', learningRate, 0, learningRateMax],
      ['beta2', beta2, 0, 0.999_999],
      // A first mean that outlives the second would be divided by next to nothing.
      ['beta1', beta1, 0, beta2],
      ['epsilon', epsilon, 1e-12, 1e6],
    ]),
  reference: (spec, dimension) => {
    const { fround } = Math
    const [rate, beta1, beta2, epsilon] = [spec.learningRate, spec.beta1, spec.beta2, spec.epsilon].map(fround) as [
      number,
      number,
      number,
      number,
    ]
    const rest1 = fround(1 - beta1)
    const rest2 = fround(1 - beta2)
    return {
      start: noStart,
      update: (values, state, gradient) => {
        const steps = Math.min(state[2 * dimension]! + 1, stepsMax)
        state[2 * dimension] = steps
        const pace = fround(rate / (1 - power(beta1, steps)))
        const correction = fround(1 / (1 - power(beta2, steps)))
        for (const [column, g] of gradient.entries()) {
          const first = fround(fround(beta1 * state[column]!) + fround(rest1 * g))
          const second = fround(fround(beta2 * state[dimension + column]!) + fround(fround(rest2 * g) * g))
          state[column] = first
          state[dimension + column] = second
          const divisor = fround(fround(Math.sqrt(fround(second * correction))) + epsilon)
          values[column] = values[column]! - fround(fround(pace * first) / divisor)
        }
      },
    }
  },
}

/** By repeated squaring, in float64: the same digits everywhere, which Math.pow does not promise. */
function power(base: number, exponent: number): number {
  let product = 1
  let square = base
  for (let rest = exponent; rest > 0; rest >>>= 1) {
    if ((rest & 1) !== 0) product *= square
    square *= square
  }
  return product
}
