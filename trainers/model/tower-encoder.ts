// Encodes queries and entries as unit vectors with the towers' forward function; given a generation's frozen tensors it
// keeps to those, else it follows the parameters.
import type { TowerTensor } from '../../schemas/generated.ts'
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { decodeFloats, encodeFloats } from '../../schemas/layouts/floats.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { threadDriver } from './compute.ts'
import { embeddingInput } from './embedding-input.ts'
import { initialDense, type TowerSide, towerTensorNames } from './initial-parameters.ts'
import type { DenseParameter, Parameters, TowerEncoder } from './model.ts'
import { modelLayout } from './model-layout.ts'
import type { ModelSpec } from './model-spec.ts'
import { denseNetwork } from './network/dense-network.ts'
import { towerNetwork } from './towers.ts'

export interface TowerEncoderOptions {
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  /** Rows are read at every call. */
  readonly parameters: Parameters
  /** Dense tensors of a generation, instead of those of `parameters`. */
  readonly frozen?: ReadonlyMap<string, DenseParameter>
}

/** A tower encoder that gives its memory back. */
export interface DisposableTowerEncoder extends TowerEncoder {
  dispose(): void
}

/** Computes on this thread's driver. Throws config-invalid where spec and feature set do not fit. */
export function towerEncoder({ spec, featureSet, parameters, frozen }: TowerEncoderOptions): DisposableTowerEncoder {
  const layout = modelLayout(spec, featureSet)
  const dense = frozen ?? parameters.dense
  const initial = initialDense(spec, layout)
  const encoderOf = (side: TowerSide) => {
    const network = denseNetwork({
      driver: threadDriver(),
      spec: towerNetwork(spec.towers!, side, layout.towers[side]),
      dense,
      initial,
    })
    const input = embeddingInput(layout.towers[side], parameters)
    const encode = (rows: readonly FeatureRow[], userBucket: number): Float32Array => {
      if (rows.length === 0) return new Float32Array(0)
      const matrix = new Float32Array(rows.length * input.layout.columns)
      input.read(rows, matrix, userBucket)
      return network.forward([matrix], rows.length)[0]!.slice()
    }
    const dispose = () => {
      network.dispose()
      input.dispose()
    }
    return { encode, dispose }
  }
  const [query, entry] = [encoderOf('query'), encoderOf('entry')]
  const { dimension, temperature, frequency } = spec.towers!
  return {
    dimension,
    priorScale: temperature * (frequency.prior ?? 0),
    encodeQuery: (row, userBucket = 0) => query.encode([row], userBucket),
    encodeEntries: (rows, userBucket = 0) => entry.encode(rows, userBucket),
    dispose() {
      query.dispose()
      entry.dispose()
    },
  }
}

/** The newest tensors of one tower as a GenerationReady carries them; initial ones where none are known yet. */
export function towerTensors(
  side: TowerSide,
  dense: ReadonlyMap<string, DenseParameter>,
  initial: ReadonlyMap<string, DenseParameter>,
): TowerTensor[] {
  return Object.values(towerTensorNames(side)).map((name) => {
    const { shape, values } = dense.get(name) ?? initial.get(name)!
    return { name, shape, values: encodeFloats(values.slice()) }
  })
}

/** What a GenerationReady carries, as `frozen` of an encoder. */
export function frozenTensors(tensors: readonly TowerTensor[]): Map<string, DenseParameter> {
  return new Map(
    tensors.map(({ name, shape, values }) => [name, { name, shape, values: decodeFloats(values).slice() }]),
  )
}
