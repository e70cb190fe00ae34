// How long a learning step takes at several batch sizes with the shipped spec and WebAssembly tables. One JSON object.
import { heads } from '../schemas/labels.ts'
import { systemRuntime } from '../streams/runtime/system-runtime.ts'
import { denseCompute } from './model/compute.ts'
import { randomRow, seededRandom, wideFeatures } from './model/ranking-speed.bench.ts'
import { foryouSpec } from './model/shipped-specs.ts'
import { ShardLearner } from './shard-learner.ts'
import { wasmTable } from './table/wasm-table.ts'
import type { TrainingRow } from './training-row.ts'

await denseCompute()
const random = seededRandom(5)
const learner = new ShardLearner({ spec: foryouSpec, featureSet: wideFeatures, tableFactory: wasmTable })

function row(): TrainingRow {
  return {
    query: randomRow('query', random),
    entry: randomRow('entry', random),
    similarity: null,
    after: Float32Array.from(heads, (_, head) => (head === 9 ? random() * 3 : Number(random() < 0.3))),
    before: new Float32Array(heads.length).fill(Number.NaN),
    weight: 1,
    eventTimeMs: 1,
    videoId: BigInt(1 + Math.floor(random() * 5_000)) as TrainingRow['videoId'],
    isFirst: true,
  }
}

const { clock } = systemRuntime
const batches: {
  rows: number
  latencyMs: { p50: number | undefined; p99: number | undefined }
  rowsPerSecond: number
}[] = []
for (const batchRows of [32, 57, 512]) {
  const rounds = batchRows > 100 ? 25 : 120
  const inputs = Array.from({ length: 10 }, () => Array.from({ length: batchRows }, row))
  const tookMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = clock.monotonicMs()
    learner.learn(inputs[round % inputs.length]!)
    if (round >= rounds / 3) tookMs.push(clock.monotonicMs() - start)
  }
  tookMs.sort((left, right) => left - right)
  const at = (share: number) => tookMs[Math.floor(share * (tookMs.length - 1))]
  const rowsPerSecond = Math.round((1_000 * batchRows) / at(0.5)!)
  batches.push({ rows: batchRows, latencyMs: { p50: at(0.5), p99: at(0.99) }, rowsPerSecond })
}
console.log(JSON.stringify({ bench: 'learning', node: process.version, batches }))
