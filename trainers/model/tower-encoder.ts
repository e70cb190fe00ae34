// Encodes queries and entries as unit vectors with the towers' forward function; given a generation's frozen tensors it
// keeps to those, else it follows the parameters.
import * as tf from '@tensorflow/tfjs-core'
import type { TowerTensor } from '../../schemas/generated.ts'
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { decodeFloats, encodeFloats } from '../../schemas/layouts/floats.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { DenseTensors } from './dense-tensors.ts'
import { type EmbeddingInput, embeddingInput } from './embedding-input.ts'
import { inTidy } from './in-tidy.ts'
import { initialDense, type TowerSide, towerTensorNames } from './initial-parameters.ts'
import type { DenseParameter, Parameters, TowerEncoder } from './model.ts'
import { modelLayout } from './model-layout.ts'
import type { ModelSpec } from './model-spec.ts'
import { towerForward, towerWeights } from './towers.ts'

export interface TowerEncoderOptions {
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  /** Rows are read at every call. */
  readonly parameters: Parameters
  /** Dense tensors of a generation, instead of those of `parameters`. */
  readonly frozen?: ReadonlyMap<string, DenseParameter>
}

/** A tower encoder that gives its tensors back. */
export interface DisposableTowerEncoder extends TowerEncoder {
  dispose(): void
}

/** Await denseCompute() first. Throws config-invalid where spec and feature set do not fit. */
export function towerEncoder({ spec, featureSet, parameters, frozen }: TowerEncoderOptions): DisposableTowerEncoder {
  const layout = modelLayout(spec, featureSet)
  const tensors = new DenseTensors(frozen ?? parameters.dense, initialDense(spec, layout))
  const queryInput = embeddingInput(layout.towers.query, parameters)
  const entryInput = embeddingInput(layout.towers.entry, parameters)
  return {
    dimension: spec.towers!.dimension,
    encodeQuery: (query, userBucket = 0) => encode(tensors, 'query', queryInput, [query], userBucket),
    encodeEntries: (entries, userBucket = 0) => encode(tensors, 'entry', entryInput, entries, userBucket),
    dispose: () => tensors.dispose(),
  }
}

function encode(
  tensors: DenseTensors,
  side: TowerSide,
  input: EmbeddingInput,
  rows: readonly FeatureRow[],
  userBucket: number,
): Float32Array {
  if (rows.length === 0) return new Float32Array(0)
  const { columns } = input.layout
  const matrix = new Float32Array(rows.length * columns)
  input.read(rows, matrix, userBucket)
  return inTidy(() => {
    const tensor = tf.tensor2d(matrix, [rows.length, columns])
    return towerForward(towerWeights(tensors, side), tensor).vectors.dataSync() as Float32Array
  })
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
