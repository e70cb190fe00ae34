// What a table's spec must satisfy, and the numbers every implementation derives from it in the same way.

import { assert } from '../../streams/runtime/errors.ts'
import { adagrad } from './optimizers/adagrad.ts'
import { adam } from './optimizers/adam.ts'
import { decayedSum } from './optimizers/decayed-sum.ts'
import { ftrl } from './optimizers/ftrl.ts'
import type { Optimizer } from './optimizers/optimizer.ts'
import { rowwiseAdagrad } from './optimizers/rowwise-adagrad.ts'
import { sgd } from './optimizers/sgd.ts'
import { sum } from './optimizers/sum.ts'
import type { OptimizerSpec, TableSpec } from './table.ts'

/** Largest gradient that is applied, 2^63: below it no square, product or sum of an update can overflow a float32. */
export const gradientLimit = 2 ** 63
export const dimensionMax = 256
/** Row numbers are 32-bit, one more than them too. */
export const rowsMaxLimit = 2 ** 32 - 2
const occurrencesMax = 65_535
const countersMax = 2 ** 28

const optimizers: { readonly [Kind in OptimizerSpec['kind']]: Optimizer<Extract<OptimizerSpec, { kind: Kind }>> } = {
  adagrad,
  sgd,
  sum,
  'decayed-sum': decayedSum,
  'rowwise-adagrad': rowwiseAdagrad,
  adam,
  ftrl,
}

export const optimizerKinds = Object.keys(optimizers) as OptimizerSpec['kind'][]

export function optimizerOf({ optimizer }: Pick<TableSpec, 'optimizer'>): Optimizer {
  return optimizers[optimizer.kind] as Optimizer
}

/** Values and optimizer state of a row, in float32 columns. */
export function rowColumnsOf(spec: TableSpec): number {
  return spec.dimension + optimizerOf(spec).stateColumns(spec.dimension)
}

/** A spec that fails is a programmer's error. */
export function assertTableSpec(spec: TableSpec): void {
  const { name, dimension, optimizer, initialScale, seed, rowsMax, admission, expiresAfterMs } = spec
  assert(isWhole(dimension, 1, dimensionMax), `table ${name}: dimension ${dimension} is not 1 to ${dimensionMax}`)
  assert(isWhole(rowsMax, 1, rowsMaxLimit), `table ${name}: rowsMax ${rowsMax} is not 1 to ${rowsMaxLimit}`)
  assert(isWhole(seed, 0, 2 ** 32 - 1), `table ${name}: seed ${seed} is not an unsigned 32-bit number`)
  const scaleMax = optimizer.kind === 'ftrl' ? 1e6 : gradientLimit
  assert(isBetween(initialScale, 0, scaleMax), `table ${name}: initialScale ${initialScale} is not 0 to ${scaleMax}`)
  const problem = optimizerOf(spec).problem(optimizer)
  assert(problem === null, `table ${name}: ${problem}`)
  if (admission) {
    const { occurrences, counters } = admission
    const fits = isWhole(occurrences, 1, occurrencesMax) && isWhole(counters, 1, countersMax)
    assert(fits, `table ${name}: admission after ${occurrences} (1 to ${occurrencesMax}), ${counters} counters`)
  }
  if (typeof expiresAfterMs === 'number') {
    assert(isBetween(expiresAfterMs, 0, 1e15), `table ${name}: expiresAfterMs ${expiresAfterMs} is not 0 or more`)
  }
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && isBetween(value, min, max)
}

function isBetween(value: number, min: number, max: number): boolean {
  return value >= min && value <= max
}
