// The scorer against the trainer's own predictions: one forward function, so rows that travelled without rounding score the
// same, and the towers learn what history says.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode, encode } from '../../schemas/codec.ts'
import type { Delta, Example } from '../../schemas/generated.ts'
import { heads } from '../../schemas/labels.ts'
import { decodeFeatureRow } from '../../schemas/layouts/feature-row.ts'
import { decodeFloats, encodeFloats } from '../../schemas/layouts/floats.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { auc } from '../evaluation/auc.ts'
import { onlineTrainer } from '../online-trainer.ts'
import { CollectedOutput, PlantedWorld, plantedRecords, recorded, seededRandom, tick } from '../planted-world.ts'
import { wasmTable } from '../table/wasm-table.ts'
import { kernelUsage } from './network/kernel-memory.ts'
import { replica } from './replica.ts'
import { sampleFeatures, sampleQuery, sampleSpec, sampleVideo } from './sample-features.ts'
import { scorer } from './scorer.ts'
import { towerEncoder } from './tower-encoder.ts'

const seed = systemRuntime.randomness.seed()
const base = { spec: sampleSpec, featureSet: sampleFeatures }
const newTrainer = () => onlineTrainer({ ...base, tableFactory: wasmTable, syncsPerDense: 1 })

function trained(): { trainer: ReturnType<typeof newTrainer>; deltas: Delta[] } {
  const trainer = newTrainer()
  const output = new CollectedOutput()
  for (const record of plantedRecords(seed, 1_000, 50)) trainer.step(record, output)
  return { trainer, deltas: output.records.map(({ record }) => record as Delta) }
}

const dot = (left: Float32Array, right: Float32Array) =>
  left.reduce((sum, value, index) => sum + value * right[index]!, 0)

describe('scorer', () => {
  test('gives a page what the trainer predicts row by row', () => {
    const { trainer, deltas } = trained()
    const rounded = replica(sampleSpec, wasmTable)
    for (const delta of deltas) rounded.apply(delta)
    const world = new PlantedWorld(seed)
    const page = Array.from({ length: 30 }, (_, video) => world.exampleOf(3, video, ['v1', 'v7'], true))
    const [query, entries] = [
      decodeFeatureRow(page[0]!.queryFeatures),
      page.map((row) => decodeFeatureRow(row.features)),
    ]
    const want = trainer.predict(page)
    for (const [parameters, tolerance] of [
      [trainer.shard, 2e-5],
      [rounded, 2e-2],
    ] as const) {
      const encoder = towerEncoder({ ...base, parameters })
      const queryVector = encoder.encodeQuery(query)
      const vectors = encoder.encodeEntries(entries)
      const { dimension } = encoder
      const similarities = Float32Array.from(entries, (_, row) => {
        return dot(queryVector, vectors.subarray(row * dimension, (row + 1) * dimension))
      })
      const found = scorer({ ...base, parameters }).score(query, entries, similarities)
      assert.equal(found.length, page.length * heads.length)
      for (const [row, predictions] of want.entries()) {
        for (const [head, value] of predictions!.entries()) {
          const score = found[row * heads.length + head]!
          assert.ok(Math.abs(score - value) <= tolerance * Math.max(1, value), `${heads[head]}: ${score}, not ${value}`)
        }
      }
    }
  })

  test('what a page froze gives its predictions again: the same bits by its replica, nearly so by the trainer', () => {
    const { trainer, deltas } = trained()
    const rounded = replica(sampleSpec, wasmTable)
    for (const delta of deltas) rounded.apply(delta)
    const world = new PlantedWorld(seed)
    // No towers gave these: they stand for those of an older generation.
    const examples = Array.from({ length: 30 }, (_, video): Example => {
      return { ...world.exampleOf(5, video, ['v2'], true), similarity: Math.fround(Math.cos(video)) }
    })
    const page = scorer({ ...base, parameters: rounded })
    const scored = (rows: readonly Example[]) => {
      const entries = rows.map(({ features }) => decodeFeatureRow(features))
      const similarities = Float32Array.from(rows, ({ similarity }) => similarity!)
      return page.score(decodeFeatureRow(rows[0]!.queryFeatures), entries, similarities)
    }
    const served = scored(examples)
    const logged = examples.map((example, row) => {
      const predictions = encodeFloats(served.slice(row * heads.length, (row + 1) * heads.length))
      return decode(encode({ ...example, predictions })) as Example
    })
    assert.deepEqual(scored(logged), served)
    for (const [row, predictions] of trainer.predict(logged).entries()) {
      const asServed = decodeFloats(logged[row]!.predictions!)
      for (const [head, value] of predictions!.entries()) {
        const difference = Math.abs(asServed[head]! - value)
        assert.ok(difference <= 2e-2 * Math.max(1, value), `${heads[head]}: ${asServed[head]}, not ${value}`)
      }
    }
  })

  test('follows its replica from delta to delta, and scores before the first', () => {
    const { deltas } = trained()
    const parameters = replica(sampleSpec, wasmTable)
    const page = scorer({ ...base, parameters })
    const context = sampleQuery('u1', ['v1'])
    const query = sampleFeatures.readQuery(context)
    const entry = sampleFeatures.readEntry(context, sampleVideo('v2', 'c2', ['cats']))
    const score = () => page.score(query, [entry], new Float32Array(1))
    const first = score()
    assert.ok(first.every(Number.isFinite))
    parameters.apply(deltas[0]!)
    assert.notDeepEqual(score(), first)
    const held = kernelUsage()
    for (const delta of deltas.slice(1)) {
      parameters.apply(delta)
      score()
    }
    assert.deepEqual(kernelUsage(), held)
    assert.equal(page.score(query, [], new Float32Array(0)).length, 0)
  })
})

describe('towers', () => {
  test('learn from history alone which videos a stranger will watch long', (context) => {
    context.diagnostic(`seed ${seed}`)
    const random = seededRandom(seed)
    const world = new PlantedWorld(seed)
    const videosCount = 24
    const ofGroup = (group: number) => Math.floor(random() * (videosCount / 2)) * 2 + group
    const history = (group: number) => Array.from({ length: 3 }, () => `v${ofGroup(group)}`)
    const examples = Array.from({ length: 6_000 }, (_, user): Example => {
      const group = user % 2
      const video = Math.floor(random() * videosCount)
      return { ...world.exampleOf(user, video, history(group), video % 2 === group) }
    })
    const trainer = newTrainer()
    const records = examples.flatMap((example, index) => (index % 40 === 39 ? [example, tick(index * 10)] : [example]))
    for (const record of recorded(records)) trainer.step(record, new CollectedOutput())
    const encoder = towerEncoder({ ...base, parameters: trainer.shard })
    const scores: number[] = []
    const labels: number[] = []
    for (const group of [0, 1]) {
      const context = sampleQuery('stranger', history(group))
      const query = encoder.encodeQuery(sampleFeatures.readQuery(context))
      for (let video = 0; video < videosCount; video++) {
        const { features } = world.exampleOf(0, video, [], true)
        scores.push(dot(query, encoder.encodeEntries([decodeFeatureRow(features)])))
        labels.push(Number(video % 2 === group))
      }
    }
    const found = auc(scores, labels)
    assert.ok(found > 0.75, `AUC ${found}, seed ${seed}`)
  })
})
