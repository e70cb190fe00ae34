// The written-out gradients of ranker, towers and losses against finite differences of their forward functions, element by
// element on random ones, and no tensor left behind.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { headIndex, heads } from '../../schemas/labels.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { denseCompute } from './compute.ts'
import { DenseTensors } from './dense-tensors.ts'
import { inTidy } from './in-tidy.ts'
import { initialDense } from './initial-parameters.ts'
import { headLoss, retrievalLoss } from './losses.ts'
import type { DenseParameter } from './model.ts'
import { modelLayout } from './model-layout.ts'
import { rankerBackward, rankerForward, rankerWeights } from './ranker.ts'
import { sampleFeatures, sampleSpec } from './sample-features.ts'
import { towerBackward, towerForward, towerWeights } from './towers.ts'

const rowCount = 5
const layout = modelLayout(sampleSpec, sampleFeatures)

let state = systemRuntime.randomness.seed()
const seed = state
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  return (state >>> 0) / 2 ** 31 - 1
}
const randoms = (count: number, scale = 1) => Float32Array.from({ length: count }, () => random() * scale)

/** Every tensor of the model at random: the initial ones hold zeros that would hide a mistake. */
function randomDense(): Map<string, DenseParameter> {
  const initial = initialDense(sampleSpec, layout)
  return new Map([...initial].map(([name, own]) => [name, { ...own, values: randoms(own.values.length, 0.6) }]))
}

/**
 * Central differences of `loss` in some elements of `values` against `gradient`. Elements where two step widths disagree lie
 * at a kink of a ReLU and prove nothing; most must be none.
 */
function checkGradient(what: string, values: Float32Array, gradient: Float32Array, loss: () => number): void {
  let squares = 0
  const errors: number[] = []
  const samples = 40
  for (let sample = 0; sample < samples; sample++) {
    const index = Math.floor(((random() + 1) / 2) * (values.length - 1))
    const wide = difference(values, index, 2e-3, loss)
    const narrow = difference(values, index, 5e-4, loss)
    if (Math.abs(wide - narrow) > 0.02 * (Math.abs(wide) + Math.abs(narrow)) + 5e-3) continue
    squares += wide ** 2
    errors.push((wide - gradient[index]!) ** 2)
  }
  assert.ok(errors.length >= samples / 3, `${what}: ${errors.length} smooth elements, seed ${seed}`)
  // float32 noise is a few percent, a wrong term far more. A kink that lies exactly here shows at no width: the worst element does not count.
  errors.sort((left, right) => left - right).pop()
  const error = errors.reduce((sum, own) => sum + own, 0)
  assert.ok(error <= 0.1 ** 2 * squares + 1e-4, `${what}: off by ${Math.sqrt(error / squares)}, seed ${seed}`)
}

function difference(values: Float32Array, index: number, step: number, loss: () => number): number {
  const held = values[index]!
  values[index] = held + step
  const high = values[index]!
  const above = loss()
  values[index] = held - step
  const low = values[index]!
  const below = loss()
  values[index] = held
  return (above - below) / (high - low)
}

before(denseCompute)

describe('gradients', () => {
  test('of the ranker under the loss of its heads, at every tensor and both inputs', () => {
    const dense = randomDense()
    const initial = initialDense(sampleSpec, layout)
    const { query, entry } = layout.ranker
    const inputs = { query: randoms(rowCount * query.columns), entry: randoms(rowCount * entry.columns) }
    const after = Float32Array.from({ length: rowCount * heads.length }, () => Number(random() > 0))
    const changed = after.map((label, index) => (index % 3 === 0 ? 1 - label : Number.NaN))
    after[4] = Number.NaN
    after[headIndex.watchTime] = 1.7
    const labels = { after, before: changed, weights: randoms(rowCount).map((weight) => Math.abs(weight) + 0.2) }
    const numTensors = tf.memory().numTensors
    const run = (backward: boolean): Run =>
      inTidy(() => {
        const tensors = new DenseTensors(dense, initial)
        const weights = rankerWeights(tensors, sampleSpec.ranker!.hidden.length)
        const forward = rankerForward(weights, layout.ranker, { ...inputs, rowCount })
        const gradient = new Float32Array(rowCount * heads.length)
        const loss = headLoss(forward.logits.dataSync() as Float32Array, labels, gradient)
        const above = tf.tensor2d(gradient, [rowCount, heads.length])
        const read = backward ? rankerBackward(weights, layout.ranker, forward, above) : null
        tensors.dispose()
        return { loss, read }
      })
    const { read } = run(true)
    assert.equal(tf.memory().numTensors, numTensors)
    const loss = () => run(false).loss
    checkGradient('query input', inputs.query, read!.query, loss)
    checkGradient('entry input', inputs.entry, read!.entry, loss)
    const names = [...dense.keys()].filter((name) => name.startsWith('ranker.'))
    assert.deepEqual([...read!.dense.keys()].sort(), names.sort())
    for (const name of names) checkGradient(name, dense.get(name)!.values, read!.dense.get(name)!, loss)
  })

  test('of both towers under the retrieval loss, at every tensor and both inputs', () => {
    const dense = randomDense()
    const initial = initialDense(sampleSpec, layout)
    const { query, entry } = layout.towers
    const inputs = { query: randoms(rowCount * query.columns), entry: randoms(rowCount * entry.columns) }
    const rowWeights = Float32Array.of(1, 0, 0.5, -1, 2)
    const videoIds = BigUint64Array.of(1n, 2n, 3n, 2n, 1n)
    const logFrequencies = Float64Array.of(-1, -3, -2, -3, -1)
    const run = (backward: boolean): Run =>
      inTidy(() => {
        const tensors = new DenseTensors(dense, initial)
        const weights = { query: towerWeights(tensors, 'query'), entry: towerWeights(tensors, 'entry') }
        const queries = towerForward(weights.query, tf.tensor2d(inputs.query, [rowCount, query.columns]))
        const entries = towerForward(weights.entry, tf.tensor2d(inputs.entry, [rowCount, entry.columns]))
        const similarities = tf.matMul(queries.vectors, tf.transpose(entries.vectors)).dataSync() as Float32Array
        const gradient = new Float32Array(rowCount * rowCount)
        const loss = retrievalLoss(similarities, 0.5, rowWeights, logFrequencies, videoIds, gradient)
        const above = tf.tensor2d(gradient, [rowCount, rowCount])
        const queryBack = towerBackward(weights.query, 'query', queries, tf.matMul(above, entries.vectors))
        const entryAbove = tf.matMul(tf.transpose(above), queries.vectors) as tf.Tensor2D
        const entryBack = towerBackward(weights.entry, 'entry', entries, entryAbove)
        const both = [...queryBack.dense, ...entryBack.dense]
        const read = backward
          ? {
              query: queryBack.input.dataSync() as Float32Array,
              entry: entryBack.input.dataSync() as Float32Array,
              dense: new Map(both.map(([name, tensor]) => [name, tensor.dataSync() as Float32Array])),
            }
          : null
        tensors.dispose()
        return { loss, read }
      })
    const { read } = run(true)
    const loss = () => run(false).loss
    checkGradient('query input', inputs.query, read!.query, loss)
    checkGradient('entry input', inputs.entry, read!.entry, loss)
    const names = [...dense.keys()].filter((name) => name.startsWith('tower.'))
    assert.deepEqual([...read!.dense.keys()].sort(), names.sort())
    for (const name of names) checkGradient(name, dense.get(name)!.values, read!.dense.get(name)!, loss)
  })
})

interface Run {
  readonly loss: number
  readonly read: ReadGradient | null
}

interface ReadGradient {
  readonly query: Float32Array
  readonly entry: Float32Array
  readonly dense: ReadonlyMap<string, Float32Array>
}
