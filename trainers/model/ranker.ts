// The ranker as a network: trainer, scorer and evaluation all run this one.
import { type Head, heads } from '../../schemas/labels.ts'
import {
  crossBiasName,
  crossName,
  firstColumns,
  headName,
  hiddenBiasName,
  hiddenName,
  rankerTensorNames,
} from './initial-parameters.ts'
import type { InputLayout, RankerLayout } from './model-layout.ts'
import { defaultInteractions, type Interaction, type RankerSpec } from './model-spec.ts'
import type { InputSpec, NetworkSpec } from './network/dense-network.ts'
import type { AnyLayerSpec } from './network/layers.ts'

/** Inputs: query (a row per entry, or one that serves all) and entry (slots, dense values, similarity). Output: the logits,
 *  rows x heads. The first layer sees both sides and where they meet; some of its columns are a linear path straight into the
 *  logits. */
export function rankerNetwork(spec: RankerSpec, layout: RankerLayout): NetworkSpec {
  const { all, ofHidden } = firstColumns(spec)
  const meetings = meetingsOf(spec, layout)
  return {
    inputs: [inputOf('query', layout.query), inputOf('entry', layout.entry)],
    layers: [
      ...sideOf('query', layout.query, layout.pooledColumns),
      ...sideOf('entry', layout.entry),
      ...meetings.layers,
      {
        kind: 'linear',
        name: 'ofQuery',
        inputs: ['query.slots', ...restOf('query', layout.query)],
        weights: rankerTensorNames.query,
        columns: all,
      },
      {
        kind: 'linear',
        name: 'first',
        inputs: ['entry.slots', ...restOf('entry', layout.entry), ...meetings.nodes, 'ofQuery'],
        weights: rankerTensorNames.entry,
        bias: rankerTensorNames.bias,
        columns: all,
        plus: true,
        rectified: ofHidden,
      },
      ...logitsOf(spec),
    ],
    outputs: ['logits'],
  }
}

/** Layers, and the nodes that the rest sees. */
interface Part {
  readonly layers: readonly AnyLayerSpec[]
  readonly nodes: readonly string[]
}

function slice(name: string, from: number, count: number, input: string): AnyLayerSpec {
  return { kind: 'columns', name, inputs: [input], from, to: from + count }
}

function joined(parts: readonly Part[]): Part {
  return { layers: parts.flatMap(({ layers }) => layers), nodes: parts.flatMap(({ nodes }) => nodes) }
}

/** Where the two sides meet. */
function meetingsOf({ interactions = defaultInteractions }: RankerSpec, layout: RankerLayout): Part {
  const { dimension } = layout.query
  const meets: { readonly [Term in Interaction]: () => Part } = {
    pairs: () => ({
      layers: [{ kind: 'factorization', name: 'pairs', inputs: ['query.slots', 'entry.slots'], dimension }],
      nodes: ['pairs'],
    }),
    history: () => {
      const history = slice('history', layout.historyColumn, dimension, 'query')
      return joined([{ layers: [history], nodes: [] }, besideShown('history')])
    },
    attention: () => {
      const { attention: weights, attentionBias: bias } = rankerTensorNames
      const { pooledColumns, attendedPlaces: columns } = layout
      const layers: AnyLayerSpec[] = [
        slice('places', pooledColumns, columns * dimension, 'query'),
        { kind: 'linear', name: 'placeScores', inputs: ['shown'], weights, bias, columns },
        { kind: 'attention', name: 'attended', inputs: ['places', 'shown', 'placeScores'] },
      ]
      return joined([{ layers, nodes: ['attended'] }, besideShown('attended')])
    },
  }
  const shown = slice('shown', layout.historyEntryColumn, dimension, 'entry')
  return joined([{ layers: [shown], nodes: [] }, ...interactions.map((term) => meets[term]())])
}

function besideShown(node: string): Part {
  const inputs = [node, 'shown']
  return {
    layers: [
      { kind: 'product', name: `${node}Product`, inputs },
      { kind: 'dot', name: `${node}Dot`, inputs },
    ],
    nodes: [`${node}Product`, `${node}Dot`],
  }
}

/** From the columns of `first` to the logits. */
function logitsOf(spec: RankerSpec): readonly AnyLayerSpec[] {
  const { experts = 1, wide = true } = spec
  const towers = joined(Array.from({ length: experts }, (_, expert) => towerOf(spec, expert)))
  const crossed = crossedOf(spec)
  const linear = slice('wide', firstColumns(spec).ofHidden, heads.length, 'first')
  const below = [...towers.layers, ...crossed.layers, ...(wide ? [linear] : [])]
  if (experts === 1) {
    const inputs = [...towers.nodes, ...crossed.nodes, ...(wide ? ['wide'] : [])]
    const weights = rankerTensorNames.heads
    return [...below, { kind: 'linear', name: 'logits', inputs, weights, columns: heads.length, plus: wide }]
  }
  const mixed = joined(heads.map((head, index) => mixedOf(spec, head, index, towers.nodes, crossed.nodes)))
  const own: AnyLayerSpec = { kind: 'concat', name: wide ? 'mixed' : 'logits', inputs: mixed.nodes }
  const sum: AnyLayerSpec = { kind: 'sum', name: 'logits', inputs: ['mixed', 'wide'] }
  return [...below, ...mixed.layers, own, ...(wide ? [sum] : [])]
}

/** The hidden layers of one expert. */
function towerOf({ hidden }: RankerSpec, expert: number): Part {
  const node = (layer: number) => `hidden.${expert}.${layer}`
  const first = slice(node(0), expert * hidden[0]!, hidden[0]!, 'first')
  const above = hidden.slice(1).map((columns, index): AnyLayerSpec => {
    const [weights, bias] = [hiddenName(index + 1, expert), hiddenBiasName(index + 1, expert)]
    const inputs = [node(index)]
    return { kind: 'linear', name: node(index + 1), inputs, weights, bias, columns, rectified: columns }
  })
  return { layers: [first, ...above], nodes: [node(hidden.length - 1)] }
}

function crossedOf(spec: RankerSpec): Part {
  const { crossLayers = 0 } = spec
  if (crossLayers === 0) return { layers: [], nodes: [] }
  const { all, ofCrossed } = firstColumns(spec)
  const node = (layer: number) => `crossed.${layer}`
  const layers = Array.from({ length: crossLayers }, (_, layer): AnyLayerSpec => {
    const [weights, bias] = [crossName(layer), crossBiasName(layer)]
    return { kind: 'cross', name: node(layer + 1), inputs: [node(0), node(layer)], weights, bias }
  })
  return { layers: [slice(node(0), all - ofCrossed, ofCrossed, 'first'), ...layers], nodes: [node(crossLayers)] }
}

/** The logit of one head, with its own mixture of the experts. */
function mixedOf(
  spec: RankerSpec,
  head: Head,
  index: number,
  experts: readonly string[],
  crossed: readonly string[],
): Part {
  const from = firstColumns(spec).ofHidden + heads.length + index * experts.length
  const layers: AnyLayerSpec[] = [
    slice(`gate.${head}`, from, experts.length, 'first'),
    { kind: 'mixture', name: `mixed.${head}`, inputs: [`gate.${head}`, ...experts] },
    {
      kind: 'linear',
      name: `logit.${head}`,
      inputs: [`mixed.${head}`, ...crossed],
      weights: headName(head),
      columns: 1,
    },
  ]
  return { layers, nodes: [`logit.${head}`] }
}

/** Slots are learned, dense values are given. */
export function inputOf(name: string, { columns, denseColumn }: InputLayout): InputSpec {
  return { name, columns, learned: denseColumn }
}

/** The two parts of an input: of the slots the first `slotColumns`, and the dense values. */
export function sideOf(
  input: string,
  { denseColumn, columns }: InputLayout,
  slotColumns = denseColumn,
): AnyLayerSpec[] {
  const parts: AnyLayerSpec[] = [
    { kind: 'columns', name: `${input}.slots`, inputs: [input], from: 0, to: slotColumns },
    { kind: 'columns', name: `${input}.rest`, inputs: [input], from: denseColumn, to: columns },
  ]
  return denseColumn === columns ? parts.slice(0, 1) : parts
}

export function restOf(input: string, { denseColumn, columns }: InputLayout): string[] {
  return denseColumn === columns ? [] : [`${input}.rest`]
}
