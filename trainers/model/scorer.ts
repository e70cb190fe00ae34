// Scores the candidates of one page: the query side is pulled and multiplied once and serves every candidate.
import { headIndex, heads, watchTimeMsMax } from '../../schemas/labels.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { threadDriver } from './compute.ts'
import { embeddingInput } from './embedding-input.ts'
import { initialDense } from './initial-parameters.ts'
import type { Parameters, Scorer } from './model.ts'
import { modelLayout } from './model-layout.ts'
import type { ModelSpec } from './model-spec.ts'
import { denseNetwork } from './network/dense-network.ts'
import { rankerNetwork } from './ranker.ts'

export interface ScorerOptions {
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  /** Read at every call: the scorer follows a replica. */
  readonly parameters: Parameters
}

/** Computes on this thread's driver. Throws config-invalid where spec and feature set do not fit. */
export function scorer({ spec, featureSet, parameters }: ScorerOptions): Scorer {
  const layout = modelLayout(spec, featureSet)
  const network = denseNetwork({
    driver: threadDriver(),
    spec: rankerNetwork(spec.ranker!, layout.ranker),
    dense: parameters.dense,
    initial: initialDense(spec, layout),
  })
  const queryInput = embeddingInput(layout.ranker.query, parameters)
  const entryInput = embeddingInput(layout.ranker.entry, parameters)
  const query = new Float32Array(layout.ranker.query.columns)
  const { columns } = layout.ranker.entry
  let entry = new Float32Array(0)
  return {
    headNames: heads,
    score(queryRow, entryRows, similarities, userBucket = 0) {
      assert(similarities.length >= entryRows.length, 'every candidate has a similarity')
      const rowCount = entryRows.length
      if (rowCount === 0) return new Float32Array(0)
      if (entry.length < rowCount * columns) entry = new Float32Array(rowCount * columns)
      queryInput.read([queryRow], query, userBucket)
      entryInput.read(entryRows, entry, userBucket)
      for (let rowIndex = 0; rowIndex < rowCount; rowIndex++) {
        entry[rowIndex * columns + layout.ranker.similarityColumn] = similarities[rowIndex]!
      }
      const [logits] = network.forward([query, entry.subarray(0, rowCount * columns)], rowCount)
      return toPredictions(logits!)
    },
  }
}

const watchTimeLogMax = Math.log1p(watchTimeMsMax / 1_000)

/** Logits of whole rows as probabilities; watchTime as seconds. A fresh array. */
export function toPredictions(logits: Float32Array): Float32Array {
  const out = new Float32Array(logits.length)
  for (let index = 0; index < logits.length; index++) {
    const logit = logits[index]!
    const isTime = index % heads.length === headIndex.watchTime
    out[index] = isTime ? Math.expm1(Math.min(watchTimeLogMax, Math.max(0, logit))) : 1 / (1 + Math.exp(-logit))
  }
  return out
}
