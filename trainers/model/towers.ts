// The two towers as networks: an input of pooled slots and dense values, one hidden layer, a unit vector.
import { type TowerSide, towerTensorNames } from './initial-parameters.ts'
import type { InputLayout, TowerLayout } from './model-layout.ts'
import type { TowersSpec } from './model-spec.ts'
import type { NetworkSpec } from './network/dense-network.ts'
import type { AnyLayerSpec } from './network/layers.ts'
import { inputOf, restOf, sideOf } from './ranker.ts'

/** Input: one side. Output: its unit vectors, rows x dimension. */
export function towerNetwork(spec: TowersSpec, side: TowerSide, layout: InputLayout): NetworkSpec {
  return { inputs: [inputOf(side, layout)], layers: layersOf(spec, side, layout), outputs: [`${side}.vector`] }
}

/** Inputs: query and entry, a row each. Outputs: both unit vectors and their similarity (rows x 1). */
export function towersNetwork(spec: TowersSpec, { query, entry }: TowerLayout): NetworkSpec {
  return {
    inputs: [inputOf('query', query), inputOf('entry', entry)],
    layers: [
      ...layersOf(spec, 'query', query),
      ...layersOf(spec, 'entry', entry),
      { kind: 'dot', name: 'similarity', inputs: ['query.vector', 'entry.vector'] },
    ],
    outputs: ['query.vector', 'entry.vector', 'similarity'],
  }
}

function layersOf({ hidden, dimension }: TowersSpec, side: TowerSide, layout: InputLayout): AnyLayerSpec[] {
  const names = towerTensorNames(side)
  return [
    ...sideOf(side, layout),
    {
      kind: 'linear',
      name: `${side}.hidden`,
      inputs: [`${side}.slots`, ...restOf(side, layout)],
      weights: names.hidden,
      bias: names.hiddenBias,
      columns: hidden,
      rectified: hidden,
    },
    {
      kind: 'linear',
      name: `${side}.out`,
      inputs: [`${side}.hidden`],
      weights: names.out,
      bias: names.outBias,
      columns: dimension,
    },
    { kind: 'unit-length', name: `${side}.vector`, inputs: [`${side}.out`] },
  ]
}
