// How long scoring a page of 500 candidates takes with the shipped spec, rows in WebAssembly tables. Prints one JSON line.

import { type FeatureRow, featureRow } from '../../schemas/layouts/feature-row.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { wasmTable } from '../table/wasm-table.ts'
import { denseCompute } from './compute.ts'
import { replica } from './replica.ts'
import { scorer } from './scorer.ts'
import { foryouSpec } from './shipped-specs.ts'

const candidates = 500
const rounds = 60

/** The shipped features; rows of them are filled throughout. */
export const wideFeatures = featureSet(defaultFeatures)

export function randomRow(side: 'query' | 'entry', random: () => number): FeatureRow {
  const layout = wideFeatures[side]
  return featureRow(
    BigUint64Array.from({ length: layout.idCount }, () => BigInt(1 + Math.floor(random() * 200_000))),
    Float32Array.from({ length: layout.denseNames.length }, () => random() - 0.5),
  )
}

export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

if (import.meta.main) {
  await denseCompute()
  const random = seededRandom(3)
  const query = randomRow('query', random)
  const entries = Array.from({ length: candidates }, () => randomRow('entry', random))
  const similarities = new Float32Array(candidates)
  // One bucket, and as many as a tier of several owners has.
  for (const buckets of [1, 5]) {
    const parameters = replica(foryouSpec, wasmTable, { buckets })
    const page = scorer({ spec: foryouSpec, featureSet: wideFeatures, parameters })
    const tookMs: number[] = []
    for (let round = 0; round < rounds; round++) {
      const start = systemRuntime.clock.monotonicMs()
      page.score(query, entries, similarities)
      tookMs.push(systemRuntime.clock.monotonicMs() - start)
    }
    const sorted = tookMs.slice(10).sort((left, right) => left - right)
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]
    console.log(JSON.stringify({ name: 'score-page', buckets, candidates, latencyMs: { p50: at(0.5), p99: at(0.99) } }))
  }
}
