// The two towers' one forward function and its gradient: an input of pooled slots and dense values, one hidden layer, a
// unit vector.
import * as tf from '@tensorflow/tfjs-core'
import type { DenseTensors } from './dense-tensors.ts'
import { type TowerSide, towerTensorNames } from './initial-parameters.ts'

export interface TowerWeights {
  readonly hidden: tf.Tensor2D
  readonly hiddenBias: tf.Tensor1D
  readonly out: tf.Tensor2D
  readonly outBias: tf.Tensor1D
}

export interface TowerActivations {
  readonly input: tf.Tensor2D
  readonly hidden: tf.Tensor2D
  /** Lengths before the normalisation, rows x 1. */
  readonly lengths: tf.Tensor2D
  /** rows x dimension, unit length. */
  readonly vectors: tf.Tensor2D
}

/** Below this squared length a vector has no direction to speak of; keeps the division finite. */
const squaredLengthMin = 1e-12

export function towerWeights(tensors: DenseTensors, side: TowerSide): TowerWeights {
  const names = towerTensorNames(side)
  return {
    hidden: tensors.matrix(names.hidden),
    hiddenBias: tensors.vector(names.hiddenBias),
    out: tensors.matrix(names.out),
    outBias: tensors.vector(names.outBias),
  }
}

/** Call inside tf.tidy. */
export function towerForward(weights: TowerWeights, input: tf.Tensor2D): TowerActivations {
  const hidden = tf.fused.matMul({
    a: input,
    b: weights.hidden,
    bias: weights.hiddenBias,
    activation: 'relu',
  }) as tf.Tensor2D
  const raw = tf.fused.matMul({ a: hidden, b: weights.out, bias: weights.outBias })
  const lengths = tf.sqrt(tf.add(tf.sum(tf.square(raw), 1, true), squaredLengthMin)) as tf.Tensor2D
  return { input, hidden, lengths, vectors: tf.div(raw, lengths) as tf.Tensor2D }
}

export interface TowerGradient {
  /** By tensor name. */
  readonly dense: ReadonlyMap<string, tf.Tensor>
  readonly input: tf.Tensor2D
}

/** Gradient of a loss whose gradient at the unit vectors is `vectors`. Call inside tf.tidy. */
export function towerBackward(
  weights: TowerWeights,
  side: TowerSide,
  forward: TowerActivations,
  vectors: tf.Tensor2D,
): TowerGradient {
  const names = towerTensorNames(side)
  const along = tf.sum(tf.mul(vectors, forward.vectors), 1, true)
  const raw = tf.div(tf.sub(vectors, tf.mul(forward.vectors, along)), forward.lengths) as tf.Tensor2D
  const above = tf.matMul(raw, tf.transpose(weights.out))
  const inner = tf.mul(above, tf.step(forward.hidden)) as tf.Tensor2D
  const dense = new Map<string, tf.Tensor>([
    [names.out, tf.matMul(tf.transpose(forward.hidden), raw)],
    [names.outBias, tf.sum(raw, 0)],
    [names.hidden, tf.matMul(tf.transpose(forward.input), inner)],
    [names.hiddenBias, tf.sum(inner, 0)],
  ])
  return { dense, input: tf.matMul(inner, tf.transpose(weights.hidden)) }
}
