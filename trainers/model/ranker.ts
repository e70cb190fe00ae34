// The ranker's one forward function and its gradient: trainer, scorer and evaluation all run this file. The gradient is
// written out because the WebAssembly backend lacks some of the automatic ones and is slow on transposed products.
import * as tf from '@tensorflow/tfjs-core'
import { heads } from '../../schemas/labels.ts'
import { addCrossedGradient, writeCrossed } from './crossed-terms.ts'
import type { DenseTensors } from './dense-tensors.ts'
import { hiddenBiasName, hiddenName, rankerTensorNames } from './initial-parameters.ts'
import type { RankerLayout } from './model-layout.ts'

export interface RankerWeights {
  readonly query: tf.Tensor2D
  readonly entry: tf.Tensor2D
  readonly bias: tf.Tensor1D
  readonly hidden: readonly { readonly weights: tf.Tensor2D; readonly bias: tf.Tensor1D }[]
  readonly heads: tf.Tensor2D
}

/** Inputs of a batch, row-major. Slots, dense values and the similarity are filled in; crossed terms are not yet. */
export interface RankerInputs {
  /** A row per entry, or a single one that serves all. */
  readonly query: Float32Array
  readonly entry: Float32Array
  readonly rowCount: number
}

export interface RankerActivations {
  readonly inputs: RankerInputs
  readonly query: tf.Tensor2D
  readonly entry: tf.Tensor2D
  /** Outputs of the hidden layers. */
  readonly hidden: readonly tf.Tensor2D[]
  /** rows x heads. */
  readonly logits: tf.Tensor2D
}

export function rankerWeights(tensors: DenseTensors, hiddenLayers: number): RankerWeights {
  return {
    query: tensors.matrix(rankerTensorNames.query),
    entry: tensors.matrix(rankerTensorNames.entry),
    bias: tensors.vector(rankerTensorNames.bias),
    hidden: Array.from({ length: hiddenLayers - 1 }, (_, index) => ({
      weights: tensors.matrix(hiddenName(index + 1)),
      bias: tensors.vector(hiddenBiasName(index + 1)),
    })),
    heads: tensors.matrix(rankerTensorNames.heads),
  }
}

/** The first layer sees both sides and where they meet; its last columns are a linear path straight into the logits.
 *  Call inside tf.tidy. */
export function rankerForward(weights: RankerWeights, layout: RankerLayout, inputs: RankerInputs): RankerActivations {
  const { rowCount } = inputs
  const shared = inputs.query.length === layout.query.columns
  writeCrossed(layout, inputs.query, shared ? 0 : layout.query.columns, inputs.entry, rowCount)
  const query = tf.tensor2d(inputs.query, [shared ? 1 : rowCount, layout.query.columns])
  const entry = tf.tensor2d(inputs.entry, [rowCount, layout.entry.columns])
  const ofEntry = tf.fused.matMul({ a: entry, b: weights.entry, bias: weights.bias })
  const first = tf.add(ofEntry, tf.matMul(query, weights.query)) as tf.Tensor2D
  const width = first.shape[1] - heads.length
  const hidden: tf.Tensor2D[] = [tf.relu(tf.slice(first, [0, 0], [-1, width]))]
  for (const { weights: b, bias } of weights.hidden) {
    hidden.push(tf.fused.matMul({ a: hidden.at(-1)!, b, bias, activation: 'relu' }) as tf.Tensor2D)
  }
  const wide = tf.slice(first, [0, width], [-1, heads.length])
  const logits = tf.add(tf.matMul(hidden.at(-1)!, weights.heads), wide) as tf.Tensor2D
  return { inputs, query, entry, hidden, logits }
}

export interface RankerGradient {
  /** By tensor name. */
  readonly dense: ReadonlyMap<string, Float32Array>
  readonly query: Float32Array
  readonly entry: Float32Array
}

/** Gradient of a loss whose gradient at the logits is `logits`; every entry has its own query row. Call inside tf.tidy. */
export function rankerBackward(
  weights: RankerWeights,
  layout: RankerLayout,
  forward: RankerActivations,
  logits: tf.Tensor2D,
): RankerGradient {
  const dense = new Map<string, Float32Array>()
  const last = forward.hidden.at(-1)!
  dense.set(rankerTensorNames.heads, floats(tf.matMul(tf.transpose(last), logits)))
  let above = tf.matMul(logits, tf.transpose(weights.heads)) as tf.Tensor2D
  for (let layer = weights.hidden.length; layer > 0; layer--) {
    const inner = throughRelu(above, forward.hidden[layer]!)
    dense.set(hiddenName(layer), floats(tf.matMul(tf.transpose(forward.hidden[layer - 1]!), inner)))
    dense.set(hiddenBiasName(layer), floats(tf.sum(inner, 0)))
    above = tf.matMul(inner, tf.transpose(weights.hidden[layer - 1]!.weights))
  }
  const first = tf.concat([throughRelu(above, forward.hidden[0]!), logits], 1)
  dense.set(rankerTensorNames.bias, floats(tf.sum(first, 0)))
  dense.set(rankerTensorNames.query, floats(tf.matMul(tf.transpose(forward.query), first)))
  dense.set(rankerTensorNames.entry, floats(tf.matMul(tf.transpose(forward.entry), first)))
  const query = floats(tf.matMul(first, tf.transpose(weights.query)))
  const entry = floats(tf.matMul(first, tf.transpose(weights.entry)))
  const { inputs } = forward
  addCrossedGradient(layout, inputs.query, inputs.entry, inputs.rowCount, query, entry)
  return { dense, query, entry }
}

function throughRelu(gradient: tf.Tensor2D, output: tf.Tensor2D): tf.Tensor2D {
  return tf.mul(gradient, tf.step(output))
}

function floats(tensor: tf.Tensor): Float32Array {
  return tensor.dataSync() as Float32Array
}
