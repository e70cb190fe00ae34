// Which optimizer the table's rows learn with: the state of a fresh row, and the update.

import { adagrad } from './adagrad'
import { adam } from './adam'
import { ftrl, startFtrl } from './ftrl'
import { rowwiseAdagrad } from './rowwise-adagrad'
import { halved, scaledAdd } from './scaled-add'

/** As in the dump's header. */
const kindAdagrad: u32 = 0
const kindSgd: u32 = 1
const kindSum: u32 = 2
const kindDecayedSum: u32 = 3
const kindRowwiseAdagrad: u32 = 4
const kindAdam: u32 = 5

let kind: u32 = 0
let dimension: u32 = 0
let stateColumns: u32 = 0
/** The optimizer's numbers in the order of its own file beside the table. */
let first: f32 = 0
let second: f32 = 0
let third: f32 = 0
let fourth: f32 = 0
let halfLifeMs: f64 = 1
let share: f32 = 1

export function createOptimizer(
  kindOf: u32, dimensionOf: u32, stateOf: u32, numberA: f64, numberB: f64, numberC: f64, numberD: f64,
): void {
  kind = kindOf
  dimension = dimensionOf
  stateColumns = stateOf
  first = f32(numberA)
  second = f32(numberB)
  third = f32(numberC)
  fourth = f32(numberD)
  halfLifeMs = numberA
  share = f32(1.0 / f64(dimension))
}

/** Writes the state of a fresh row whose values are there. */
export function startState(values: usize): void {
  const state = values + (usize(dimension) << 2)
  if (kind == kindAdagrad || kind == kindRowwiseAdagrad) {
    for (let column: u32 = 0; column < stateColumns; column++) store<f32>(state + (usize(column) << 2), second)
  } else if (kind == kindAdam) memory.fill(state, 0, usize(stateColumns) << 2)
  else if (stateColumns != 0) startFtrl(values, dimension, first, second, third, fourth)
}

// @ts-ignore: decorator
@inline
export function update(values: usize, gradient: usize, elapsedMs: f64): void {
  if (kind == kindAdagrad) adagrad(values, gradient, dimension, first, third)
  else if (kind == kindSgd) scaledAdd(values, gradient, dimension, 1, -first)
  else if (kind == kindSum) scaledAdd(values, gradient, dimension, 1, 1)
  else if (kind == kindDecayedSum) {
    scaledAdd(values, gradient, dimension, elapsedMs > 0 ? f32(halved(elapsedMs / halfLifeMs)) : 1, 1)
  } else if (kind == kindRowwiseAdagrad) rowwiseAdagrad(values, gradient, dimension, first, third, share)
  else if (kind == kindAdam) adam(values, gradient, dimension, first, second, third, fourth)
  else ftrl(values, gradient, dimension, first, second, third, fourth)
}
