// Sums that halve per half-life of event time: value = value * 2^(-elapsed / halfLife) + g.

import type { OptimizerSpec } from '../table.ts'
import { noStart, type Optimizer, outOfRange } from './optimizer.ts'

export const decayedSum: Optimizer<Extract<OptimizerSpec, { kind: 'decayed-sum' }>> = {
  kind: 'decayed-sum',
  number: 3,
  stateColumns: () => 0,
  parameters: ({ halfLifeMs }) => [halfLifeMs],
  problem: ({ halfLifeMs }) => outOfRange([['halfLifeMs', halfLifeMs, 1e-3, 1e15]]),
  reference: ({ halfLifeMs }) => ({
    start: noStart,
    update: (values, _, gradient, elapsedMs) => {
      const keep = elapsedMs > 0 ? Math.fround(halved(elapsedMs / halfLifeMs)) : 1
      for (const [column, g] of gradient.entries()) values[column] = Math.fround(values[column]! * keep) + g
    },
  }),
}

/** 2^-x for x >= 0 in basic operations only, because engines differ in the last digit of Math.pow. */
function halved(x: number): number {
  if (x >= 1022) return 0
  const whole = Math.floor(x + 0.5)
  const y = (whole - x) * Math.LN2
  let series = 1
  for (let k = 13; k >= 1; k--) series = 1 + (series * y) / k
  return series * powerOfHalf(whole)
}

function powerOfHalf(exponent: number): number {
  return new Float64Array(BigUint64Array.of(BigInt(1023 - exponent) << 52n).buffer)[0]!
}
