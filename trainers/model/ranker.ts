// The ranker as a network: trainer, scorer and evaluation all run this one.
import { heads } from '../../schemas/labels.ts'
import { hiddenBiasName, hiddenName, rankerTensorNames } from './initial-parameters.ts'
import type { InputLayout, RankerLayout } from './model-layout.ts'
import type { RankerSpec } from './model-spec.ts'
import type { InputSpec, NetworkSpec } from './network/dense-network.ts'
import type { AnyLayerSpec } from './network/layers.ts'

/** Inputs: query (a row per entry, or one that serves all) and entry (slots, dense values, similarity). Output: the logits,
 *  rows x heads. The first layer sees both sides and where they meet; its last columns are a linear path straight into the
 *  logits. */
export function rankerNetwork({ hidden }: RankerSpec, layout: RankerLayout): NetworkSpec {
  const { dimension } = layout.query
  const width = hidden[0]!
  const slice = (name: string, from: number, count: number, input: string): AnyLayerSpec => {
    return { kind: 'columns', name, inputs: [input], from, to: from + count }
  }
  return {
    inputs: [inputOf('query', layout.query), inputOf('entry', layout.entry)],
    layers: [
      ...sideOf('query', layout.query),
      ...sideOf('entry', layout.entry),
      slice('history', layout.historyColumn, dimension, 'query'),
      slice('shown', layout.historyEntryColumn, dimension, 'entry'),
      { kind: 'factorization', name: 'pairs', inputs: ['query.slots', 'entry.slots'], dimension },
      { kind: 'product', name: 'historyProduct', inputs: ['history', 'shown'] },
      { kind: 'dot', name: 'historyDot', inputs: ['history', 'shown'] },
      {
        kind: 'linear',
        name: 'ofQuery',
        inputs: ['query.slots', ...restOf('query', layout.query)],
        weights: rankerTensorNames.query,
        columns: width + heads.length,
      },
      {
        kind: 'linear',
        name: 'first',
        inputs: ['entry.slots', ...restOf('entry', layout.entry), 'pairs', 'historyProduct', 'historyDot', 'ofQuery'],
        weights: rankerTensorNames.entry,
        bias: rankerTensorNames.bias,
        columns: width + heads.length,
        plus: true,
        rectified: width,
      },
      slice('hidden.0', 0, width, 'first'),
      slice('wide', width, heads.length, 'first'),
      ...hidden.slice(1).map((columns, index): AnyLayerSpec => {
        const [weights, bias] = [hiddenName(index + 1), hiddenBiasName(index + 1)]
        const inputs = [`hidden.${index}`]
        return { kind: 'linear', name: `hidden.${index + 1}`, inputs, weights, bias, columns, rectified: columns }
      }),
      {
        kind: 'linear',
        name: 'logits',
        inputs: [`hidden.${hidden.length - 1}`, 'wide'],
        weights: rankerTensorNames.heads,
        columns: heads.length,
        plus: true,
      },
    ],
    outputs: ['logits'],
  }
}

/** Slots are learned, dense values are given. */
export function inputOf(name: string, { columns, denseColumn }: InputLayout): InputSpec {
  return { name, columns, learned: denseColumn }
}

/** The two parts of an input. */
export function sideOf(input: string, { denseColumn, columns }: InputLayout): AnyLayerSpec[] {
  const parts: AnyLayerSpec[] = [
    { kind: 'columns', name: `${input}.slots`, inputs: [input], from: 0, to: denseColumn },
    { kind: 'columns', name: `${input}.rest`, inputs: [input], from: denseColumn, to: columns },
  ]
  return denseColumn === columns ? parts.slice(0, 1) : parts
}

export function restOf(input: string, { denseColumn, columns }: InputLayout): string[] {
  return denseColumn === columns ? [] : [`${input}.rest`]
}
