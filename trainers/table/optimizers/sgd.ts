// Plain descent: value -= rate * g.

import type { OptimizerSpec } from '../table.ts'
import { learningRateMax, noStart, type Optimizer, outOfRange } from './optimizer.ts'

export const sgd: Optimizer<Extract<OptimizerSpec, { kind: 'sgd' }>> = {
  kind: 'sgd',
  number: 1,
  stateColumns: () => 0,
  parameters: ({ learningRate }) => [Math.fround(learningRate)],
  problem: ({ learningRate }) => outOfRange([['learningRate', learningRate, 0, learningRateMax]]),
  reference: ({ learningRate }) => {
    const rate = Math.fround(learningRate)
    return {
      start: noStart,
      update: (values, _, gradient) => {
        for (const [column, g] of gradient.entries()) values[column] = values[column]! - Math.fround(rate * g)
      },
    }
  },
}
