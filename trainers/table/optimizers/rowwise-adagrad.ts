// AdaGrad with one accumulator per row: sum += mean of g^2, value -= rate * g / (sqrt(sum) + epsilon). A 32nd of the state
// at dimension 32.

import type { OptimizerSpec } from '../table.ts'
import { accumulatorProblem } from './adagrad.ts'
import { float32Max, type Optimizer } from './optimizer.ts'

export const rowwiseAdagrad: Optimizer<Extract<OptimizerSpec, { kind: 'rowwise-adagrad' }>> = {
  kind: 'rowwise-adagrad',
  number: 4,
  stateColumns: () => 1,
  parameters: ({ learningRate, initialAccumulator, epsilon }) =>
    [learningRate, initialAccumulator, epsilon].map(Math.fround),
  problem: accumulatorProblem,
  reference: ({ learningRate, initialAccumulator, epsilon }, dimension) => {
    const { fround } = Math
    const rate = fround(learningRate)
    const least = fround(epsilon)
    const share = fround(1 / dimension)
    return {
      start: (_, state) => void state.fill(initialAccumulator),
      update: (values, state, gradient) => {
        const sum = Math.min(fround(state[0]! + meanSquare(gradient, share)), float32Max)
        state[0] = sum
        const divisor = fround(fround(Math.sqrt(sum)) + least)
        for (const [column, g] of gradient.entries()) {
          values[column] = values[column]! - fround(fround(rate * g) / divisor)
        }
      },
    }
  },
}

/** Four running sums over whole fours, added up as (0 + 1) + (2 + 3), then the rest one by one. Each square is taken of
 *  g and g * share, so that no sum can overflow. */
function meanSquare(gradient: Float32Array, share: number): number {
  const { fround } = Math
  const square = (g: number) => fround(g * fround(g * share))
  const lanes = new Float32Array(4)
  const whole = gradient.length & ~3
  for (let column = 0; column < whole; column++) lanes[column & 3]! += square(gradient[column]!)
  let mean = fround(fround(lanes[0]! + lanes[1]!) + fround(lanes[2]! + lanes[3]!))
  for (const g of gradient.subarray(whole)) mean = fround(mean + square(g))
  return mean
}
