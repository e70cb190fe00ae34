// The ranker's one forward function and its gradient: trainer, scorer and evaluation all run this file. The gradient is
// written out because the WebAssembly backend lacks some of the automatic ones and is slow on transposed products.
import * as tf from '@tensorflow/tfjs-core'
import { heads } from '../../schemas/labels.ts'
import type { DenseTensors } from './dense-tensors.ts'
import { hiddenBiasName, hiddenName, rankerTensorNames } from './initial-parameters.ts'
import type { InputLayout, RankerLayout } from './model-layout.ts'

export interface RankerWeights {
  readonly query: tf.Tensor2D
  readonly entry: tf.Tensor2D
  readonly crossed: tf.Tensor2D
  readonly bias: tf.Tensor1D
  readonly hidden: readonly { readonly weights: tf.Tensor2D; readonly bias: tf.Tensor1D }[]
  readonly heads: tf.Tensor2D
}

/** Matrices of stacked identities that add up a side's slots, zero in its other columns. */
export interface SlotSums {
  readonly query: tf.Tensor2D
  readonly entry: tf.Tensor2D
}

export interface RankerActivations {
  readonly query: tf.Tensor2D
  readonly entry: tf.Tensor2D
  readonly crossed: tf.Tensor2D
  /** Sum of all slots, rows x dimension. */
  readonly slotSum: tf.Tensor2D
  /** Outputs of the hidden layers. */
  readonly hidden: readonly tf.Tensor2D[]
  /** rows x heads. */
  readonly logits: tf.Tensor2D
}

export function rankerWeights(tensors: DenseTensors, hiddenLayers: number): RankerWeights {
  const { query, entry, crossed, bias, heads: headsName } = rankerTensorNames
  return {
    query: tensors.matrix(query),
    entry: tensors.matrix(entry),
    crossed: tensors.matrix(crossed),
    bias: tensors.vector(bias),
    hidden: Array.from({ length: hiddenLayers - 1 }, (_, index) => ({
      weights: tensors.matrix(hiddenName(index + 1)),
      bias: tensors.vector(hiddenBiasName(index + 1)),
    })),
    heads: tensors.matrix(headsName),
  }
}

export function slotSums(layout: RankerLayout): SlotSums {
  return { query: stackedIdentities(layout.query), entry: stackedIdentities(layout.entry) }
}

/**
 * `query` has one row per row of `entry`, or a single one that serves them all. The first layer sees both sides and the
 * crossed terms at once; its last columns are a linear path straight into the logits. Call inside tf.tidy.
 *
 * Factorization term: Rendle 2010, 0.5 ((sum v)^2 - sum v^2), over all slots of both sides.
 */
export function rankerForward(
  weights: RankerWeights,
  sums: SlotSums,
  layout: RankerLayout,
  query: tf.Tensor2D,
  entry: tf.Tensor2D,
): RankerActivations {
  const slotSum = tf.add(tf.matMul(query, sums.query), tf.matMul(entry, sums.entry)) as tf.Tensor2D
  const squares = tf.add(tf.matMul(tf.square(query), sums.query), tf.matMul(tf.square(entry), sums.entry))
  const factorization = tf.mul(tf.sub(tf.square(slotSum), squares), 0.5) as tf.Tensor2D
  const { dimension } = layout.query
  const history = tf.slice(query, [0, layout.historyColumn], [-1, dimension])
  const shown = tf.slice(entry, [0, layout.historyEntryColumn], [-1, dimension])
  const product = tf.mul(history, shown) as tf.Tensor2D
  const crossed = tf.concat([factorization, product, tf.sum(product, 1, true) as tf.Tensor2D], 1)

  const ofEntry = tf.fused.matMul({ a: entry, b: weights.entry, bias: weights.bias })
  const ofBoth = tf.add(ofEntry, tf.matMul(query, weights.query))
  const first = tf.add(ofBoth, tf.matMul(crossed, weights.crossed)) as tf.Tensor2D
  const width = first.shape[1] - heads.length
  const hidden: tf.Tensor2D[] = [tf.relu(tf.slice(first, [0, 0], [-1, width]))]
  for (const layer of weights.hidden) {
    hidden.push(
      tf.fused.matMul({ a: hidden.at(-1)!, b: layer.weights, bias: layer.bias, activation: 'relu' }) as tf.Tensor2D,
    )
  }
  const wide = tf.slice(first, [0, width], [-1, heads.length])
  const logits = tf.add(tf.matMul(hidden.at(-1)!, weights.heads), wide) as tf.Tensor2D
  return { query, entry, crossed, slotSum, hidden, logits }
}

export interface RankerGradient {
  /** By tensor name. */
  readonly dense: ReadonlyMap<string, tf.Tensor>
  readonly query: tf.Tensor2D
  readonly entry: tf.Tensor2D
}

/** Gradient of a loss whose gradient at the logits is `logits`; every entry has its own query row. Call inside tf.tidy. */
export function rankerBackward(
  weights: RankerWeights,
  sums: SlotSums,
  layout: RankerLayout,
  forward: RankerActivations,
  logits: tf.Tensor2D,
): RankerGradient {
  const dense = new Map<string, tf.Tensor>()
  dense.set(rankerTensorNames.heads, tf.matMul(tf.transpose(forward.hidden.at(-1)!), logits))
  let above = tf.matMul(logits, tf.transpose(weights.heads)) as tf.Tensor2D
  for (let layer = weights.hidden.length; layer > 0; layer--) {
    const inner = throughRelu(above, forward.hidden[layer]!)
    dense.set(hiddenName(layer), tf.matMul(tf.transpose(forward.hidden[layer - 1]!), inner))
    dense.set(hiddenBiasName(layer), tf.sum(inner, 0))
    above = tf.matMul(inner, tf.transpose(weights.hidden[layer - 1]!.weights))
  }
  const first = tf.concat([throughRelu(above, forward.hidden[0]!), logits], 1)
  dense.set(rankerTensorNames.bias, tf.sum(first, 0))
  dense.set(rankerTensorNames.query, tf.matMul(tf.transpose(forward.query), first))
  dense.set(rankerTensorNames.entry, tf.matMul(tf.transpose(forward.entry), first))
  dense.set(rankerTensorNames.crossed, tf.matMul(tf.transpose(forward.crossed), first))

  const crossed = tf.matMul(first, tf.transpose(weights.crossed)) as tf.Tensor2D
  const { dimension } = layout.query
  const factorization = tf.slice(crossed, [0, 0], [-1, dimension])
  const ofSum = tf.mul(factorization, forward.slotSum) as tf.Tensor2D
  const side = (name: 'query' | 'entry'): tf.Tensor2D => {
    const back = tf.transpose(sums[name])
    const own = tf.mul(forward[name], tf.matMul(factorization, back))
    const throughSlots = tf.sub(tf.matMul(ofSum, back), own)
    return tf.add(tf.matMul(first, tf.transpose(weights[name])), throughSlots)
  }
  const product = tf.add(
    tf.slice(crossed, [0, dimension], [-1, dimension]),
    tf.slice(crossed, [0, 2 * dimension], [-1, 1]),
  ) as tf.Tensor2D
  const history = tf.slice(forward.query, [0, layout.historyColumn], [-1, dimension])
  const shown = tf.slice(forward.entry, [0, layout.historyEntryColumn], [-1, dimension])
  return {
    dense,
    query: addAt(side('query'), tf.mul(product, shown), layout.historyColumn),
    entry: addAt(side('entry'), tf.mul(product, history), layout.historyEntryColumn),
  }
}

function throughRelu(gradient: tf.Tensor2D, output: tf.Tensor2D): tf.Tensor2D {
  return tf.mul(gradient, tf.step(output))
}

function addAt(whole: tf.Tensor2D, part: tf.Tensor2D, column: number): tf.Tensor2D {
  const after = whole.shape[1] - column - part.shape[1]
  return tf.add(whole, tf.pad(part, [[0, 0], [column, after]])) // biome-ignore format: one pair per axis
}

function stackedIdentities(input: InputLayout): tf.Tensor2D {
  const { dimension, slotCount, columns } = input
  const values = new Float32Array(columns * dimension)
  for (let row = 0; row < slotCount * dimension; row++) values[row * dimension + (row % dimension)] = 1
  return tf.keep(tf.tensor2d(values, [columns, dimension]))
}
