// How long scoring a page of 500 candidates takes with the shipped spec, rows in WebAssembly tables. Prints one JSON line.

import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import type { Feature } from '../../streams/features/feature.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { wasmTable } from '../table/wasm-table.ts'
import { denseCompute } from './compute.ts'
import { replica } from './replica.ts'
import { scorer } from './scorer.ts'
import { foryouSpec } from './shipped-specs.ts'

const candidates = 500
const rounds = 60

const widths: Record<'query' | 'entry', Record<string, number>> = {
  query: {
    user: 1,
    region: 1,
    language: 1,
    device: 1,
    network: 1,
    hour: 1,
    weekday: 1,
    surface: 1,
    userAttributes: 24,
    interests: 8,
    recentPositive: 12,
    recentNegative: 8,
    userXsurface: 1,
  },
  entry: {
    video: 1,
    creator: 1,
    sound: 1,
    hashtags: 6,
    durationBand: 1,
    videoLanguage: 1,
    videoAttributes: 8,
    userXcreator: 1,
    userXhashtag: 6,
    userXdurationBand: 1,
    videoXsurface: 1,
    hashtagXsurface: 6,
  },
}
const feature = (side: 'query' | 'entry', denseCount: number): Feature => ({
  name: side,
  slots: Object.entries(widths[side]).map(([name, width]) => ({ name, side, width })),
  dense: Array.from({ length: denseCount }, (_, index) => ({ name: `${side}.rate.${index}`, side })),
})
/** The shipped slots at their widths, all filled, with as many dense values as the default features have but the content's. */
export const wideFeatures = featureSet([feature('query', 23), feature('entry', 76)])

export function randomRow(side: 'query' | 'entry', random: () => number): FeatureRow {
  const layout = wideFeatures[side]
  return {
    ids: BigUint64Array.from({ length: layout.idCount }, () => BigInt(1 + Math.floor(random() * 200_000))),
    dense: Float32Array.from({ length: layout.denseNames.length }, () => random() - 0.5),
  }
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
