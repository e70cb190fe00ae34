// Running sums: value += g, exact for whole numbers up to 2^24.

import type { OptimizerSpec } from '../table.ts'
import { noStart, type Optimizer } from './optimizer.ts'

export const sum: Optimizer<Extract<OptimizerSpec, { kind: 'sum' }>> = {
  kind: 'sum',
  number: 2,
  stateColumns: () => 0,
  parameters: () => [],
  problem: () => null,
  reference: () => ({
    start: noStart,
    update: (values, _, gradient) => {
      for (const [column, g] of gradient.entries()) values[column] = values[column]! + g
    },
  }),
}
