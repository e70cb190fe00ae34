// Every kind of layer: its gradients against finite differences, at its inputs and its tensors, on random sizes; and one row
// that serves all gives what as many equal rows give.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { DenseParameter } from '../model.ts'
import { denseNetwork, type NetworkSpec } from './dense-network.ts'
import { checkGradient } from './finite-differences.ts'
import { kernelDriver } from './kernel-arena.ts'
import { type AnyLayerSpec, layers } from './layers.ts'

/** A layer with the widths of its inputs, which are called a, b, c, ... */
interface Instance {
  readonly layer: AnyLayerSpec
  readonly columns: readonly number[]
}

type Make = (width: number, count: number) => Instance

const base = { name: 'out' }
/** One instance of each kind at least; `width` and `count` are random and small. */
const instancesByKind: { readonly [Kind in keyof typeof layers]: readonly Make[] } = {
  attention: [
    (width, count) => ({
      layer: { ...base, kind: 'attention', inputs: ['a', 'b', 'c'] },
      columns: [width * count, width, count],
    }),
  ],
  columns: [
    (width, count) => {
      return {
        layer: { ...base, kind: 'columns', inputs: ['a'], from: count, to: count + width },
        columns: [count + width + 1],
      }
    },
  ],
  concat: [
    (width, count) => ({ layer: { ...base, kind: 'concat', inputs: ['a', 'b', 'c'] }, columns: [width, 1, count] }),
  ],
  cross: [
    (width) => ({
      layer: { ...base, kind: 'cross', inputs: ['a', 'b'], weights: 'w', bias: 'bias' },
      columns: [width, width],
    }),
    (width) => ({
      layer: { ...base, kind: 'cross', inputs: ['a', 'a'], weights: 'w', bias: 'bias' },
      columns: [width],
    }),
  ],
  dot: [(width, count) => ({ layer: { ...base, kind: 'dot', inputs: ['a', 'b'] }, columns: [width * count, width] })],
  factorization: [
    (width, count) => ({
      layer: { ...base, kind: 'factorization', inputs: ['a', 'b'], dimension: width },
      columns: [width * count, width * 2],
    }),
  ],
  linear: [
    (width, count) => ({
      layer: {
        ...base,
        kind: 'linear',
        inputs: ['a', 'b'],
        weights: 'w',
        bias: 'bias',
        columns: width + 3,
        rectified: 2,
      },
      columns: [count, width],
    }),
    (width, count) => ({
      layer: { ...base, kind: 'linear', inputs: ['a', 'b'], weights: 'w', columns: width, plus: true },
      columns: [count, width],
    }),
  ],
  mixture: [
    (width) => ({
      layer: { ...base, kind: 'mixture', inputs: ['a', 'b', 'c', 'd'] },
      columns: [3, width, width, width],
    }),
  ],
  product: [(width) => ({ layer: { ...base, kind: 'product', inputs: ['a', 'b'] }, columns: [width, width] })],
  sum: [
    (width) => ({ layer: { ...base, kind: 'sum', inputs: ['a', 'b'] }, columns: [width, width] }),
    (width) => ({ layer: { ...base, kind: 'sum', inputs: ['a', 'a'] }, columns: [width] }),
  ],
  'unit-length': [(width) => ({ layer: { ...base, kind: 'unit-length', inputs: ['a'] }, columns: [width + 1] })],
}

const sizes = {
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  rows: fc.integer({ min: 2, max: 9 }),
  width: fc.integer({ min: 1, max: 13 }),
  count: fc.integer({ min: 1, max: 6 }),
}

function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 2 ** 31 - 1
  }
}

function networkOf({ layer, columns }: Instance): NetworkSpec {
  const inputs = columns.map((own, index) => ({ name: 'abcd'[index]!, columns: own, learned: own }))
  return { inputs, layers: [layer], outputs: [layer.name] }
}

/** The network with random tensors that are read anew at each pass. */
function built(spec: NetworkSpec, random: () => number) {
  const widths = spec.layers[0]!.inputs.map((name) => spec.inputs.find((input) => input.name === name)!.columns)
  const kind = layers[spec.layers[0]!.kind] as {
    tensors(layer: AnyLayerSpec, widths: readonly number[]): readonly Named[]
  }
  const dense = new Map(
    kind.tensors(spec.layers[0]!, widths).map(({ name, shape }): [string, DenseParameter] => {
      const count = shape.reduce((all, size) => all * size, 1)
      return [name, { name, shape, values: Float32Array.from({ length: count }, random) }]
    }),
  )
  const fresh = new Map(dense)
  const network = denseNetwork({ driver: kernelDriver, spec, dense: fresh, initial: dense })
  const forward = (inputs: readonly Float32Array[], rows: number) => {
    for (const [name, own] of dense) fresh.set(name, { ...own })
    return network.forward(inputs, rows)[0]!
  }
  return { dense, forward, backward: network.backward, dispose: network.dispose }
}

interface Named {
  readonly name: string
  readonly shape: readonly number[]
}

for (const [kind, instances] of Object.entries(instancesByKind)) {
  describe(kind, () => {
    for (const [index, make] of instances.entries()) {
      test(`gradients agree with finite differences (${index + 1})`, () => {
        fc.assert(
          fc.property(fc.record(sizes), ({ seed, rows, width, count }) => {
            const random = randomOf(seed)
            const instance = make(width, count)
            const { dense, forward, backward, dispose } = built(networkOf(instance), random)
            const inputs = instance.columns.map((columns) => Float32Array.from({ length: rows * columns }, random))
            const above = Float32Array.from({ length: forward(inputs, rows).length }, random)
            const loss = () => forward(inputs, rows).reduce((sum, value, at) => sum + value * above[at]!, 0)
            loss()
            const found = backward([above])
            const gradients = found.inputs.map((own) => own.slice())
            const ofTensors = [...found.dense].map(([name, own]) => [name, own.slice()] as const)
            for (const [at, own] of gradients.entries()) checkGradient(`input ${at}`, inputs[at]!, own, loss, random)
            for (const [name, own] of ofTensors) checkGradient(name, dense.get(name)!.values, own, loss, random)
            dispose()
          }),
          { numRuns: 12 },
        )
      })

      test(`one row serves all (${index + 1})`, () => {
        fc.assert(
          fc.property(fc.record(sizes), ({ seed, rows, width, count }) => {
            const random = randomOf(seed)
            const instance = make(width, count)
            const { forward, dispose } = built(networkOf(instance), random)
            for (const [shared] of instance.columns.entries()) {
              const inputs = instance.columns.map((columns) => Float32Array.from({ length: rows * columns }, random))
              const columns = instance.columns[shared]!
              const one = inputs[shared]!.slice(0, columns)
              for (let row = 0; row < rows; row++) inputs[shared]!.set(one, row * columns)
              const want = forward(inputs, rows).slice()
              const found = forward(inputs.with(shared, one), rows)
              for (const [at, value] of want.entries()) assert.equal(found[at % found.length], value)
            }
            dispose()
          }),
          { numRuns: 6 },
        )
      })
    }
  })
}
