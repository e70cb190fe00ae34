// What a table's spec must satisfy, and the numbers every implementation derives from it in the same way.

import { assert } from '../../streams/runtime/errors.ts'
import type { TableSpec } from './table.ts'

/** Largest gradient that is applied, 2^63: below it no square, product or sum of an update can overflow a float32. */
export const gradientLimit = 2 ** 63
export const dimensionMax = 256
/** Row numbers are 32-bit, and the last one means none. */
export const rowsMaxLimit = 2 ** 32 - 2
const learningRateMax = 1e6

export const optimizerNumbers = { adagrad: 0, sgd: 1, sum: 2, 'decayed-sum': 3 } as const

/** The optimizer in numbers; those it does not use are 0 (half-life: 1). */
export interface OptimizerNumbers {
  readonly kind: number
  /** Float32 columns of optimizer state beside the values. */
  readonly stateColumns: number
  readonly learningRate: number
  readonly initialState: number
  readonly epsilon: number
  readonly halfLifeMs: number
}

/** Rounded to float32 where the kernel computes in float32. */
export function optimizerNumbersOf({ dimension, optimizer }: TableSpec): OptimizerNumbers {
  const none = { stateColumns: 0, learningRate: 0, initialState: 0, epsilon: 0, halfLifeMs: 1 }
  const kind = optimizerNumbers[optimizer.kind]
  switch (optimizer.kind) {
    case 'adagrad':
      return {
        ...none,
        kind,
        stateColumns: dimension,
        learningRate: Math.fround(optimizer.learningRate),
        initialState: Math.fround(optimizer.initialAccumulator),
        epsilon: Math.fround(optimizer.epsilon),
      }
    case 'sgd':
      return { ...none, kind, learningRate: Math.fround(optimizer.learningRate) }
    case 'sum':
      return { ...none, kind }
    case 'decayed-sum':
      return { ...none, kind, halfLifeMs: optimizer.halfLifeMs }
  }
}

/** A spec that fails is a programmer's error. */
export function assertTableSpec(spec: TableSpec): void {
  const { name, dimension, optimizer, initialScale, seed, rowsMax } = spec
  assert(isWhole(dimension, 1, dimensionMax), `table ${name}: dimension ${dimension} is not 1 to ${dimensionMax}`)
  assert(isWhole(rowsMax, 1, rowsMaxLimit), `table ${name}: rowsMax ${rowsMax} is not 1 to ${rowsMaxLimit}`)
  assert(isWhole(seed, 0, 2 ** 32 - 1), `table ${name}: seed ${seed} is not an unsigned 32-bit number`)
  assert(isBetween(initialScale, 0, gradientLimit), `table ${name}: initialScale ${initialScale} is not 0 or more`)
  if (optimizer.kind === 'adagrad' || optimizer.kind === 'sgd') {
    const fits = isBetween(optimizer.learningRate, 0, learningRateMax)
    assert(fits, `table ${name}: learningRate ${optimizer.learningRate} is not 0 to ${learningRateMax}`)
  }
  if (optimizer.kind === 'adagrad') {
    const { initialAccumulator, epsilon } = optimizer
    const fits = isBetween(initialAccumulator, 0, gradientLimit) && isBetween(epsilon, 0, gradientLimit)
    assert(fits, `table ${name}: initialAccumulator and epsilon must be 0 or more`)
    assert(Math.fround(initialAccumulator) + Math.fround(epsilon) > 0, `table ${name}: AdaGrad would divide 0 by 0`)
  }
  if (optimizer.kind === 'decayed-sum') {
    assert(
      isBetween(optimizer.halfLifeMs, 1e-3, 1e15),
      `table ${name}: halfLifeMs ${optimizer.halfLifeMs} is not above 0`,
    )
  }
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && isBetween(value, min, max)
}

function isBetween(value: number, min: number, max: number): boolean {
  return value >= min && value <= max
}
