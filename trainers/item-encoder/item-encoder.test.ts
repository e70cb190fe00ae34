// The item encoder against encoding the catalog afresh: whatever the order of publications, deltas and takedowns, the
// vectors of the generation in use are what its towers give for the rows as they are now.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AnyRecord, Delta, GenerationReady, ItemVector, VideoPublished } from '../../schemas/generated.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { videoFacts } from '../../streams/features/video-facts.ts'
import { offsetOf, partitionOf } from '../../streams/log/log.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { kernelUsage } from '../model/network/kernel-memory.ts'
import { replica } from '../model/replica.ts'
import { sampleFeatures, sampleSpec } from '../model/sample-features.ts'
import { frozenTensors, towerEncoder } from '../model/tower-encoder.ts'
import { onlineTrainer } from '../online-trainer.ts'
import { CollectedOutput, plantedRecords } from '../planted-world.ts'
import { wasmTable } from '../table/wasm-table.ts'
import { type ItemEncoderOptions, itemEncoder } from './item-encoder.ts'
import { neutralQuery } from './neutral-query.ts'

const seed = systemRuntime.randomness.seed()
const base = { spec: sampleSpec, featureSet: sampleFeatures, tableFactory: wasmTable }
const newEncoder = (options: Partial<ItemEncoderOptions> = {}) =>
  itemEncoder({ ...base, generationMs: 4_000, sliceVideos: 7, ...options })

function published(number: number, eventTimeMs = 0): VideoPublished {
  return {
    type: 'VideoPublished',
    eventId: `e${number}`,
    eventTimeMs,
    receivedTimeMs: eventTimeMs,
    videoId: `v${number}`,
    creatorId: `c${number % 12}`,
    durationMs: 20_000,
    soundId: null,
    hashtags: ['cats'],
    category: null,
    language: 'sv',
    region: 'se',
    ageRating: null,
    contentId: null,
    embedding: null,
    attributes: {},
    playback: null,
  }
}

const takenDown = (number: number): AnyRecord => {
  const event = { eventId: `t${number}`, eventTimeMs: 5, receivedTimeMs: 5, reason: null, by: null }
  return { type: 'VideoTakenDown', videoId: `v${number}`, ...event }
}

/** Deltas of a trainer, 500 ms of log time apart. */
function trainedDeltas(count: number): { deltas: Delta[]; snapshotAfter: Uint8Array } {
  const trainer = onlineTrainer(base)
  const output = new CollectedOutput()
  for (const record of plantedRecords(seed, count * 25, 25)) trainer.step(record, output)
  return { deltas: output.records.map(({ record }) => record as Delta), snapshotAfter: trainer.shard.dump() }
}

function stream(records: readonly AnyRecord[]): Recorded[] {
  let timestampMs = 0
  return records.map((record, index) => {
    if (record.type === 'Delta') timestampMs += 500
    const topic = record.type === 'Delta' ? 'deltas.sample' : 'videos'
    return { topic, partition: partitionOf(0), offset: offsetOf(index), key: null, timestampMs, record }
  })
}

/** Publications and takedowns strewn among deltas. */
function mixed(deltas: readonly Delta[]): Recorded[] {
  const records: AnyRecord[] = Array.from({ length: 30 }, (_, number) => published(number))
  for (const [index, delta] of deltas.entries()) {
    records.push(delta, published(30 + index))
    if (index % 3 === 0) records.push(takenDown(index))
    if (index % 4 === 0) records.push({ ...published(index + 1), hashtags: ['chess'], eventId: `again${index}` })
  }
  return stream(records)
}

/** Vectors by generation and video, as a view of the topic holds them. */
function collect(output: CollectedOutput) {
  const byGeneration = new Map<number, Map<string, Float32Array>>()
  const ready: GenerationReady[] = []
  for (const { record, key } of output.records) {
    if (record?.type === 'GenerationReady') ready.push(record)
    else {
      const { generation, videoId, vector } = record as ItemVector
      assert.equal(key, videoId)
      const own = byGeneration.get(generation) ?? new Map<string, Float32Array>()
      byGeneration.set(generation, own)
      if (vector.byteLength === 0) own.delete(videoId)
      else own.set(videoId, decodeFloats(vector))
    }
  }
  return { byGeneration, ready }
}

describe('item encoder', () => {
  test('a video has its vector when it is published, under a query tower that came before', () => {
    const encoder = newEncoder()
    const output = new CollectedOutput()
    for (const record of stream([published(1), takenDown(1), takenDown(2)])) encoder.step(record, output)
    const [ready, vector, gone, ...rest] = output.records.map(({ record }) => record)
    assert.equal(ready!.type, 'GenerationReady')
    assert.equal((ready as GenerationReady).generation, 1)
    assert.equal((vector as ItemVector).vector.byteLength, sampleSpec.towers!.dimension * 4)
    assert.equal((gone as ItemVector).vector.byteLength, 0)
    assert.deepEqual(rest, [])
    const length = Math.hypot(...decodeFloats((vector as ItemVector).vector))
    assert.ok(Math.abs(length - 1) < 1e-5)
  })

  test('every live video has a vector of the newest generation, and no other has', () => {
    const { deltas } = trainedDeltas(40)
    const encoder = newEncoder()
    const output = new CollectedOutput()
    const records = mixed(deltas)
    for (const record of records) encoder.step(record, output)
    const { byGeneration, ready } = collect(output)
    assert.ok(ready.length > 2, `${ready.length} generations`)
    const newest = ready.at(-1)!
    const rows = replica(sampleSpec, wasmTable)
    for (const delta of deltas) rows.apply(delta)
    const live = new Map<string, VideoPublished>()
    for (const { record } of records) {
      if (record.type === 'VideoPublished') live.set(record.videoId, record)
      if (record.type === 'VideoTakenDown') live.delete(record.videoId)
    }
    const found = byGeneration.get(newest.generation)!
    assert.deepEqual([...found.keys()].sort(), [...live.keys()].sort())
    const frozen = frozenTensors(newest.dense)
    assert.equal(frozen.size, 4)
    const query = towerEncoder({ ...base, parameters: rows, frozen })
    assert.ok(Math.abs(Math.hypot(...query.encodeQuery(sampleFeatures.readQuery(neutralQuery))) - 1) < 1e-5)
  })

  test('a changed row is encoded at its delta: equal to encoding it afresh', () => {
    const { deltas } = trainedDeltas(6)
    const encoder = newEncoder({ generationMs: 1e9 })
    const rows = replica(sampleSpec, wasmTable)
    const fresh = towerEncoder({ ...base, parameters: rows, frozen: new Map() })
    const output = new CollectedOutput()
    const videos = Array.from({ length: 40 }, (_, number) => published(number))
    for (const record of stream(videos)) encoder.step(record, output)
    for (const record of stream(deltas)) {
      const late = new CollectedOutput()
      encoder.step(record, late)
      rows.apply(record.record as Delta)
      const changed = [...(collect(late).byGeneration.get(1) ?? [])]
      assert.ok(changed.length > 0)
      for (const [videoId, vector] of changed) {
        const facts = videoFacts(videos.find((video) => video.videoId === videoId)!)
        const want = fresh.encodeEntries([sampleFeatures.readEntry(neutralQuery, facts)])
        for (const [index, value] of vector.entries()) assert.ok(Math.abs(value - want[index]!) < 1e-5)
      }
    }
  })

  test('continues byte for byte from a dump at any record', () => {
    const records = mixed(trainedDeltas(24).deltas)
    const whole = newEncoder()
    const output = new CollectedOutput()
    for (const record of records) whole.step(record, output)
    for (let cut = 0; cut <= records.length; cut += 9) {
      const [first, second] = [newEncoder(), newEncoder()]
      const both = new CollectedOutput()
      for (const record of records.slice(0, cut)) first.step(record, both)
      second.load(first.dump())
      assert.deepEqual(second.dump(), first.dump())
      for (const record of records.slice(cut)) second.step(record, both)
      assert.deepEqual(both.records, output.records, `cut at ${cut}, seed ${seed}`)
      assert.deepEqual(second.dump(), whole.dump())
    }
  })

  test('a delta after a missed one waits for a snapshot, which encodes its videos anew and starts a generation', () => {
    const { deltas, snapshotAfter } = trainedDeltas(6)
    const encoder = newEncoder()
    const output = new CollectedOutput()
    for (const record of stream([published(1), deltas[0]!])) encoder.step(record, output)
    assert.equal(encoder.misses(deltas[0]!), false)
    assert.equal(encoder.misses(deltas[3]!), true)
    encoder.published(41)
    encoder.loadSnapshot(0, snapshotAfter)
    assert.equal(encoder.misses(deltas[3]!), false)
    const late = new CollectedOutput()
    encoder.step(stream([deltas[3]!])[0]!, late)
    const rows = replica(sampleSpec, wasmTable)
    rows.load(0, snapshotAfter)
    const fresh = towerEncoder({ ...base, parameters: rows })
    assert.equal(collect(late).byGeneration.get(1)!.size, 1)
    const next = { ...deltas[5]!, version: 1e6, tables: [], dense: [] }
    encoder.step(stream([next])[0]!, late)
    // Past what an earlier life published: its towers may have been others.
    assert.equal(encoder.generation, 42)
    const vector = collect(late).byGeneration.get(42)!.get('v1')!
    const want = fresh.encodeEntries([sampleFeatures.readEntry(neutralQuery, videoFacts(published(1)))])
    for (const [index, value] of vector.entries()) assert.ok(Math.abs(value - want[index]!) < 1e-5)
  })

  test('what is neither a delta nor about a video is refused', () => {
    const output = new CollectedOutput()
    const bad = { ...trainedDeltas(1).deltas[0]!, model: 'another' }
    for (const record of stream([
      { type: 'UserErased', eventId: 'x', eventTimeMs: 1, receivedTimeMs: 1, userId: 'u' },
      bad,
    ])) {
      newEncoder().step(record, output)
    }
    assert.equal(output.reasons.length, 2)
  })

  test('no tensor outlives its generation', () => {
    const { deltas } = trainedDeltas(40)
    const encoder = newEncoder()
    const counts: number[] = []
    let generation = 0
    for (const record of mixed(deltas)) {
      encoder.step(record, new CollectedOutput())
      if (encoder.generation > generation) counts.push(kernelUsage().arenas)
      generation = encoder.generation
    }
    assert.ok(counts.length >= 2)
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 8, String(counts))
  })
})
