// The gradients of ranker, towers and losses against finite differences, element by element on random ones.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { headIndex, heads } from '../../schemas/labels.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { initialDense } from './initial-parameters.ts'
import { headLoss } from './losses.ts'
import type { DenseParameter } from './model.ts'
import { type InputLayout, modelLayout } from './model-layout.ts'
import { modelSpec, type RankerSpec } from './model-spec.ts'
import { denseNetwork, type NetworkGradient, type NetworkSpec } from './network/dense-network.ts'
import { checkGradient } from './network/finite-differences.ts'
import { kernelDriver } from './network/kernel-arena.ts'
import { rankerNetwork } from './ranker.ts'
import { groupNumbers, RetrievalGradient } from './retrieval-gradient.ts'
import { sampleFeatures, sampleSpec } from './sample-features.ts'
import { towersNetwork } from './towers.ts'

const rowCount = 5
const layout = modelLayout(sampleSpec, sampleFeatures)

const seed = systemRuntime.randomness.seed()
let state = seed
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  return (state >>> 0) / 2 ** 31 - 1
}
const check = (
  what: string,
  values: Float32Array,
  gradient: Float32Array,
  loss: () => number,
  columns?: { readonly all: number; readonly learned: number },
) => checkGradient(`${what}, seed ${seed}`, values, gradient, loss, random, columns)
const randoms = (count: number, scale = 1) => Float32Array.from({ length: count }, () => random() * scale)

/** Every tensor of the model at random: the initial ones hold zeros that would hide a mistake. */
function randomDense(spec = sampleSpec, own = layout): Map<string, DenseParameter> {
  const initial = initialDense(spec, own)
  return new Map(
    [...initial].map(([name, tensor]) => [name, { ...tensor, values: randoms(tensor.values.length, 0.6) }]),
  )
}

/** A network whose tensors are read anew at each call: finite differences change them in place. */
function networkOf(spec: NetworkSpec, dense: ReadonlyMap<string, DenseParameter>) {
  const fresh = new Map(dense)
  const { forward, backward } = denseNetwork({ driver: kernelDriver, spec, dense: fresh, initial: new Map(dense) })
  return {
    forward(inputs: readonly Float32Array[]) {
      for (const [name, own] of dense) fresh.set(name, { ...own })
      return forward(inputs, rowCount)
    },
    backward(gradients: readonly (Float32Array | null)[]): NetworkGradient {
      const { inputs, dense: ofTensors } = backward(gradients)
      const copies = [...ofTensors].map(([name, own]) => [name, own.slice()] as const)
      return { inputs: inputs.map((own) => own.slice()), dense: new Map(copies) }
    },
  }
}

/** Inputs and every tensor; of an input the columns that are learned, and that all others' gradient is zero. */
function checkAll(
  { inputs: layouts, prefix }: { readonly inputs: readonly InputLayout[]; readonly prefix: string },
  inputs: readonly Float32Array[],
  dense: ReadonlyMap<string, DenseParameter>,
  found: NetworkGradient,
  loss: () => number,
): void {
  for (const [index, { columns, denseColumn }] of layouts.entries()) {
    const gradient = found.inputs[index]!
    check(`input ${index}`, inputs[index]!, gradient, loss, { all: columns, learned: denseColumn })
    assert.ok(gradient.every((value, at) => at % columns < denseColumn || value === 0))
  }
  const names = [...dense.keys()].filter((name) => name.startsWith(prefix))
  assert.deepEqual([...found.dense.keys()].sort(), names.sort())
  for (const name of names) check(name, dense.get(name)!.values, found.dense.get(name)!, loss)
}

const rankers: Readonly<Record<string, Partial<RankerSpec>>> = {
  'the ranker': {},
  'a ranker of several experts': { experts: 3, hidden: [6, 4] },
  'a ranker of experts without a linear path': { experts: 2, wide: false, hidden: [5] },
  'a ranker with cross layers': { crossLayers: 2 },
  'a ranker with experts behind cross layers that attends to its history': {
    interactions: ['attention', 'pairs'],
    crossLayers: 1,
    experts: 2,
    hidden: [6],
  },
  'a ranker of neither pairs nor a linear path': { interactions: ['history'], wide: false },
  'a ranker without interactions': { interactions: [] },
}

describe('gradients', () => {
  for (const [name, change] of Object.entries(rankers))
    test(`of ${name} under the loss of its heads, at every tensor and both inputs`, () => checkRanker(change))

  function checkRanker(change: Partial<RankerSpec>): void {
    const spec = modelSpec({ ...sampleSpec, ranker: { ...sampleSpec.ranker!, ...change } })
    const own = modelLayout(spec, sampleFeatures)
    const dense = randomDense(spec, own)
    const { query, entry } = own.ranker
    const inputs = [randoms(rowCount * query.columns), randoms(rowCount * entry.columns)]
    const after = Float32Array.from({ length: rowCount * heads.length }, () => Number(random() > 0))
    const changed = after.map((label, index) => (index % 3 === 0 ? 1 - label : Number.NaN))
    after[4] = Number.NaN
    after[headIndex.watchTime] = 1.7
    const labels = { after, before: changed, weights: randoms(rowCount).map((weight) => Math.abs(weight) + 0.2) }
    const ranker = networkOf(rankerNetwork(spec.ranker!, own.ranker), dense)
    const gradient = new Float32Array(rowCount * heads.length)
    const loss = () => headLoss(ranker.forward(inputs)[0]!, labels, gradient)
    loss()
    checkAll({ inputs: [query, entry], prefix: 'ranker.' }, inputs, dense, ranker.backward([gradient]), loss)

    const one = inputs[0]!.slice(0, query.columns)
    const repeated = Float32Array.from(inputs[0]!, (_, index) => one[index % query.columns]!)
    const each = ranker.forward([repeated, inputs[1]!])[0]!.slice()
    assert.deepEqual(ranker.forward([one, inputs[1]!])[0], each, 'one row of the query serves all entries')
  }

  test('of both towers under the retrieval loss, at every tensor and both inputs', () => {
    const dense = randomDense()
    const { query, entry } = layout.towers
    const inputs = [randoms(rowCount * query.columns), randoms(rowCount * entry.columns)]
    const weights = Float32Array.of(1, 0, 0.5, -1, 2)
    const videoIds = BigUint64Array.of(1n, 2n, 3n, 2n, 1n)
    const logFrequencies = Float32Array.of(-1, -3, -2, -3, -1)
    const { dimension } = sampleSpec.towers!
    const towers = networkOf(towersNetwork(sampleSpec.towers!, layout.towers), dense)
    const loss = () => {
      const [queries, entries] = towers.forward(inputs)
      return retrievalLoss(queries!, entries!, dimension, 0.5, weights, logFrequencies, videoIds)
    }
    const [queries, entries] = towers.forward(inputs)
    const choice = { temperature: 0.5, weights, logFrequencies, groups: groupNumbers(videoIds) }
    const above = new RetrievalGradient(kernelDriver).of(queries!, entries!, dimension, choice)
    const found = towers.backward([above.query, above.entry, null])
    checkAll({ inputs: [query, entry], prefix: 'tower.' }, inputs, dense, found, loss)
  })
})

/** In-batch sampled softmax, written out in doubles: each row with a weight picks its own entry. */
function retrievalLoss(
  queries: Float32Array,
  entries: Float32Array,
  dimension: number,
  temperature: number,
  weights: Float32Array,
  logFrequencies: Float32Array,
  videoIds: BigUint64Array,
): number {
  const logit = (row: number, entry: number) => {
    let dot = 0
    for (let column = 0; column < dimension; column++) {
      dot += queries[row * dimension + column]! * entries[entry * dimension + column]!
    }
    return dot / temperature - logFrequencies[entry]!
  }
  let loss = 0
  for (const [row, weight] of weights.entries()) {
    let total = 0
    for (const [entry, videoId] of videoIds.entries()) {
      if (entry === row || videoId !== videoIds[row]) total += Math.exp(logit(row, entry))
    }
    loss -= weight * (logit(row, row) - Math.log(total))
  }
  return loss
}
