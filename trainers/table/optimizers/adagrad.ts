// AdaGrad (Duchi et al. 2011): sum += g^2, value -= rate * g / (sqrt(sum) + epsilon), per value.

import type { OptimizerSpec } from '../table.ts'
import { float32Max, learningRateMax, type Optimizer, outOfRange } from './optimizer.ts'

type AdagradSpec = Extract<OptimizerSpec, { kind: 'adagrad' }>

export const adagrad: Optimizer<AdagradSpec> = {
  kind: 'adagrad',
  number: 0,
  stateColumns: (dimension) => dimension,
  parameters: ({ learningRate, initialAccumulator, epsilon }) =>
    [learningRate, initialAccumulator, epsilon].map(Math.fround),
  problem: accumulatorProblem,
  reference: ({ learningRate, initialAccumulator, epsilon }) => {
    const { fround } = Math
    const rate = fround(learningRate)
    const least = fround(epsilon)
    return {
      start: (_, state) => void state.fill(initialAccumulator),
      update: (values, state, gradient) => {
        for (const [column, g] of gradient.entries()) {
          const sum = Math.min(fround(state[column]! + fround(g * g)), float32Max)
          state[column] = sum
          const divisor = fround(fround(Math.sqrt(sum)) + least)
          values[column] = values[column]! - fround(fround(rate * g) / divisor)
        }
      },
    }
  },
}

/** Also of the row-wise form. */
export function accumulatorProblem(spec: Omit<AdagradSpec, 'kind'>): string | null {
  const { learningRate, initialAccumulator, epsilon } = spec
  const limit = 2 ** 63
  const wrong = outOfRange([
    ['learningRate', learningRate, 0, learningRateMax],
    ['initialAccumulator', initialAccumulator, 0, limit],
    ['epsilon', epsilon, 0, limit],
  ])
  if (wrong !== null) return wrong
  return Math.fround(initialAccumulator) + Math.fround(epsilon) > 0 ? null : 'a gradient of 0 would divide 0 by 0'
}
