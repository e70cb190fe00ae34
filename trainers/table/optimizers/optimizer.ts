// What an optimizer is to a table: the numbers its kernel gets, and the plain reference that the kernel must equal.

import type { OptimizerSpec } from '../table.ts'

export interface Optimizer<Spec extends OptimizerSpec = OptimizerSpec> {
  readonly kind: Spec['kind']
  /** In dumps and in the kernel; never given to another. */
  readonly number: number
  /** Float32 columns of state beside the values. */
  stateColumns(dimension: number): number
  /** What the kernel is configured with: at most four numbers, rounded to float32 where it computes in float32. */
  parameters(spec: Spec, dimension: number): readonly number[]
  /** What is wrong with the spec, where something is. */
  problem(spec: Spec): string | null
  reference(spec: Spec, dimension: number): OptimizerReference
}

/** In float32 arithmetic, one rounding per basic operation and in the kernel's order. */
export interface OptimizerReference {
  /** The state of a fresh row with these values; given as zeros. */
  start(values: Float32Array, state: Float32Array): void
  /** `elapsedMs`: event time since the row's newest push before. */
  update(values: Float32Array, state: Float32Array, gradient: Float32Array, elapsedMs: number): void
}

export const float32Max = (2 - 2 ** -23) * 2 ** 127

export const learningRateMax = 1e6

/** The first of these numbers that is not within its range, as a text. */
export function outOfRange(ranges: readonly (readonly [string, number, number, number])[]): string | null {
  const found = ranges.find(([, value, min, max]) => !(value >= min && value <= max))
  return found ? `${found[0]} ${found[1]} is not ${found[2]} to ${found[3]}` : null
}

export function noStart(): void {}
