// The trainer as a fold: it learns what was planted, repeats itself byte for byte, continues from any dump, takes back what
// a correction changes, and refuses bad records with a reason.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encode } from '../schemas/codec.ts'
import type { Delta } from '../schemas/generated.ts'
import { headIndex } from '../schemas/labels.ts'
import { encodeFloats } from '../schemas/layouts/floats.ts'
import { defaultFeatures } from '../streams/features/default-features.ts'
import { contextFixture, exampleFixture, videoFixture } from '../streams/features/feature-fixtures.ts'
import { featureSet } from '../streams/features/feature-set.ts'
import type { Recorded } from '../streams/processor/processor.ts'
import { systemRuntime } from '../streams/runtime/system-runtime.ts'
import { kernelUsage } from './model/network/kernel-memory.ts'
import { replica } from './model/replica.ts'
import { sampleFeatures, sampleSpec } from './model/sample-features.ts'
import { foryouSpec } from './model/shipped-specs.ts'
import { type OnlineTrainerOptions, onlineTrainer } from './online-trainer.ts'
import {
  CollectedOutput,
  correctionOf,
  labelsOf,
  PlantedWorld,
  plantedRecords,
  recorded,
  tick,
} from './planted-world.ts'
import { wasmTable } from './table/wasm-table.ts'

const seed = systemRuntime.randomness.seed()
const newTrainer = (options: Partial<OnlineTrainerOptions> = {}) =>
  onlineTrainer({ spec: sampleSpec, featureSet: sampleFeatures, tableFactory: wasmTable, ...options })

function run(records: readonly Recorded[], options: Partial<OnlineTrainerOptions> = {}) {
  const trainer = newTrainer(options)
  const output = new CollectedOutput()
  for (const record of records) trainer.step(record, output)
  return { trainer, output, deltas: output.records.map(({ record }) => record as Delta) }
}

describe('online trainer', () => {
  test('learns planted tastes while it predicts', (context) => {
    context.diagnostic(`seed ${seed}`)
    const { trainer } = run(plantedRecords(seed, 8_000, 50), { metricsWindow: 2_000 })
    const { auc, logLoss } = trainer.metrics.head('longView')
    assert.ok(auc.auc > 0.68, `AUC ${auc.auc} of the newest 2,000, seed ${seed}`)
    assert.ok(logLoss.mean < 0.66, `log loss ${logLoss.mean}, seed ${seed}`)
    assert.equal(trainer.metrics.head('follow').seen, 0)
    assert.ok(trainer.metrics.watchTime().errorSeconds < 9)
  })

  test('two runs give the same deltas and the same state', () => {
    const records = plantedRecords(seed, 400, 37)
    const [one, two] = [run(records), run(records)]
    assert.ok(one.deltas.length > 5)
    assert.deepEqual(one.deltas.map(encode), two.deltas.map(encode))
    assert.deepEqual(one.trainer.dump(), two.trainer.dump())
  })

  test('continues byte for byte from a dump at any record', () => {
    const records = plantedRecords(seed, 130, 20)
    const options = { batchRowsMax: 16, metricsWindow: 50, rowsPerDeltaMax: 40, syncsPerDense: 3 }
    const { trainer: whole, output } = run(records, options)
    const expected = whole.dump()
    for (let cut = 0; cut <= records.length; cut += 11) {
      const { trainer: first, output: early } = run(records.slice(0, cut), options)
      const second = newTrainer(options)
      second.load(first.dump())
      assert.deepEqual(second.dump(), first.dump())
      assert.deepEqual(Buffer.concat([...second.dumpParts()]), Buffer.from(first.dump()))
      const late = new CollectedOutput()
      for (const record of records.slice(cut)) second.step(record, late)
      assert.deepEqual([...early.records, ...late.records], output.records, `cut at ${cut}`)
      assert.deepEqual(second.dump(), expected, `cut at ${cut}`)
    }
  })

  test('a replica from a snapshot and deltas equals one that followed from the start', () => {
    const options = { batchRowsMax: 16, rowsPerDeltaMax: 60, syncsPerDense: 3 }
    const examples = plantedRecords(seed, 600, 20)
    // More Ticks than rows left over from bounded deltas need.
    const ticks = Array.from({ length: 20 }, (_, index) => tick(100_000 + index * 1_000))
    const records = [...examples, ...recorded(ticks, 'examples', examples.length)]
    const trainer = newTrainer(options)
    const output = new CollectedOutput()
    let snapshot: Uint8Array | null = null
    for (const [index, record] of records.entries()) {
      trainer.step(record, output)
      // Between two Ticks: the next delta then brings again what the snapshot already holds.
      if (index === 333) snapshot = trainer.shard.dump()
    }
    const deltas = output.records.map(({ record }) => record as Delta)
    const followed = replica(sampleSpec, wasmTable)
    for (const delta of deltas) assert.equal(followed.apply(delta), 'applied')
    const loaded = replica(sampleSpec, wasmTable)
    loaded.load(0, snapshot!)
    assert.ok(loaded.version > 0)
    const start = loaded.version
    for (const delta of deltas) assert.equal(loaded.apply(delta), delta.version <= start ? 'stale' : 'applied')
    assert.equal(loaded.version, followed.version)
    for (const [name, table] of followed.tablesOf(0))
      assert.deepEqual(loaded.tablesOf(0).get(name)!.dump(), table.dump(), name)
    assert.deepEqual(new Map(loaded.dense), new Map(followed.dense))
  })

  test('versions follow the offsets of Ticks, and a delta says what it was trained through', () => {
    const { deltas } = run(plantedRecords(seed, 200, 50))
    assert.deepEqual(
      deltas.map(({ baseVersion, version, trainedThrough }) => [baseVersion, version, trainedThrough]),
      [
        [0, 51, { 'examples/0': 50 }],
        [51, 102, { 'examples/0': 101 }],
        [102, 153, { 'examples/0': 152 }],
        [153, 204, { 'examples/0': 203 }],
      ],
    )
    assert.equal(
      deltas[0]!.receivedTimes.reduce((sum, bin) => sum + bin.examples, 0),
      50,
    )
    assert.equal(deltas[0]!.eventTimeMs, 49 * 10 + 5)
  })

  test('dense tensors that changed last still travel when no further example comes', () => {
    const records = recorded([
      new PlantedWorld(seed).example(),
      tick(1_000),
      new PlantedWorld(seed).example(),
      tick(2_000),
    ])
    const later = recorded([tick(3_000), tick(4_000), tick(5_000), tick(6_000)], 'examples', records.length)
    const { deltas } = run([...records, ...later], { syncsPerDense: 4 })
    assert.deepEqual(
      deltas.map(({ dense }) => dense.length > 0),
      [true, false, true],
    )
  })

  test('a correction takes back what the first labels taught', () => {
    const example = new PlantedWorld(seed).exampleOf(1, 2, [], false)
    const at = (trainer: ReturnType<typeof newTrainer>) => trainer.predict([example])[0]!
    const wrong = run(recorded([example, tick(1_000)])).trainer
    const p = at(wrong)[headIndex.longView]!
    const unchanged = at(wrong)[headIndex.like]!
    const output = new CollectedOutput()
    const correction = correctionOf(example, labelsOf(true))
    for (const record of recorded([correction, tick(2_000)], 'examples', 2)) wrong.step(record, output)
    assert.deepEqual(output.reasons, [])
    assert.ok(at(wrong)[headIndex.longView]! > p)
    assert.ok(Math.abs(at(wrong)[headIndex.like]! - unchanged) < 0.2)
    assert.equal(wrong.metrics.head('longView').seen, 1)
  })

  test('a correction that changes nothing moves nothing', () => {
    const example = new PlantedWorld(seed).exampleOf(1, 2, [], true)
    const { trainer } = run(recorded([example, tick(1_000)]))
    const dumps = () => [...trainer.shard.tables.values()].map((table) => table.dump())
    const earlier = dumps()
    const same = correctionOf(example, labelsOf(true))
    for (const record of recorded([same, tick(2_000)], 'examples', 2)) trainer.step(record, new CollectedOutput())
    assert.deepEqual(dumps(), earlier)
  })

  test('learns from the similarity that was served, and takes its own only where none was', () => {
    const after = (similarityOf: (index: number) => number | null) => {
      const served = plantedRecords(seed, 120, 30).map((one, index) => {
        return one.record?.type === 'Example'
          ? { ...one, record: { ...one.record, similarity: similarityOf(index) } }
          : one
      })
      const { trainer, output } = run(served)
      assert.deepEqual(output.reasons, [])
      return trainer
    }
    const weights = (trainer: ReturnType<typeof newTrainer>) => trainer.shard.dump()
    const [high, low, own] = [() => 0.75, (index: number) => (index % 2) - 0.5, () => null].map(after)
    assert.notDeepEqual(weights(high!), weights(low!))
    assert.notDeepEqual(weights(high!), weights(own!))
    assert.deepEqual(weights(high!), weights(after(() => 0.75)))
    const example = new PlantedWorld(seed).example()
    const [near, far, recomputed] = high!.predict([0.75, -0.75, null].map((similarity) => ({ ...example, similarity })))
    assert.notDeepEqual(near, far)
    assert.notDeepEqual(recomputed, far)
  })

  test('bad records are refused with their reason and change nothing', () => {
    const example = new PlantedWorld(seed).exampleOf(1, 2, [], true)
    const bad = [
      { ...example, featureSet: 'another' },
      { ...example, features: example.features.slice(0, -4) },
      { ...example, features: example.queryFeatures },
      { ...example, labels: encodeFloats(new Float32Array(3)) },
      { ...example, labels: encodeFloats(labelsOf(true).fill(2, 0, 1)) },
      { ...example, weight: Number.NaN },
      { ...example, weight: -1 },
      { ...example, similarity: Number.NaN },
    ]
    const { trainer, output } = run(recorded(bad))
    assert.equal(output.reasons.length, bad.length)
    assert.match(output.reasons[0]!, /set another/)
    assert.match(output.reasons[1]!, /bytes/)
    assert.deepEqual([trainer.shard.dump(), trainer.pending], [newTrainer().shard.dump(), 0])
  })

  test('predicting changes nothing and agrees with what learning predicted', () => {
    const records = plantedRecords(seed, 300, 60)
    let told: Float32Array | null = null
    const trainer = newTrainer({ onLearned: (_records, predictions) => (told = predictions) })
    const output = new CollectedOutput()
    for (const record of records.slice(0, -1)) trainer.step(record, output)
    const pending = records.slice(-61, -1).map(({ record }) => record as ReturnType<PlantedWorld['example']>)
    const earlier = trainer.dump()
    const predicted = trainer.predict(pending)
    assert.deepEqual(trainer.dump(), earlier)
    trainer.step(records.at(-1)!, output)
    assert.deepEqual(Float32Array.from(predicted.flatMap((row) => [...row!])), told)
  })

  test('the shipped model learns from rows of the default features', () => {
    const features = featureSet(defaultFeatures)
    const trainer = onlineTrainer({ spec: foryouSpec, featureSet: features, tableFactory: wasmTable })
    const output = new CollectedOutput()
    const examples = Array.from({ length: 60 }, (_, index) => {
      const video = videoFixture({ videoId: `v${index % 3}` })
      return exampleFixture(features, contextFixture(), video, labelsOf(index % 3 === 0))
    })
    for (const record of recorded([...examples, tick(1_000), ...examples, tick(2_000)])) trainer.step(record, output)
    assert.deepEqual(output.reasons, [])
    const longView = trainer.predict(examples.slice(0, 3)).map((row) => row![headIndex.longView]!)
    assert.ok(longView[0]! > longView[1]! && longView[0]! > longView[2]!, String(longView))
  })

  test('no tensor is left behind', () => {
    const trainer = newTrainer()
    const output = new CollectedOutput()
    const records = plantedRecords(seed, 300, 30)
    for (const record of records.slice(0, 62)) trainer.step(record, output)
    const held = kernelUsage()
    for (const record of records.slice(62)) trainer.step(record, output)
    assert.deepEqual(kernelUsage(), held)
  })
})
