// The log walked again: the default features come out as they were frozen, byte for byte and in the same order, over any
// range, and a log without the outcomes behind a page gives it the same features.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { encode } from '../../../schemas/codec.ts'
import { examples } from '../../../schemas/topics.ts'
import { defaultFeatures } from '../../../streams/features/default-features.ts'
import { featureSet } from '../../../streams/features/feature-set.ts'
import { embeddedLog } from '../../../streams/log/embedded-log.ts'
import { type Log, offsetOf, partitionOf } from '../../../streams/log/log.ts'
import { simulatedDisk } from '../../../streams/runtime/simulated-disk.ts'
import { simulatedRuntime } from '../../../streams/runtime/simulated-runtime.ts'
import { frozenSource } from './frozen-source.ts'
import { logSample } from './logged-sample.ts'
import { recomputedSource, walkedRanges } from './recomputed-source.ts'
import type { SourceRecord, TrainingSource } from './training-source.ts'

const eventsTaken = 1_500
const features = featureSet(defaultFeatures)
let log: Log

before(async () => {
  log = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime: simulatedRuntime(1) })
  await logSample(log, features, eventsTaken)
})

test('features are recomputed as they were frozen', async () => {
  const range = await rangeOf(0)
  const frozen = await all(frozenSource(log, [range]))
  const recomputed = await all(await recomputedSource(log, features, [range], await walkedRanges(log, 1)))
  assert.ok(frozen.length > 500)
  assert.deepEqual(recomputed.map(bytesOf), frozen.map(bytesOf))
})

test('a range in the middle is the same part of the whole, also when some of it was taken before', async () => {
  const range = await rangeOf(200)
  const part = { ...range, from: offsetOf(200), to: offsetOf(340) }
  const frozen = await all(frozenSource(log, [part]))
  const source = await recomputedSource(log, features, [part], await walkedRanges(log, 1))
  assert.deepEqual((await all(source)).map(bytesOf), frozen.map(bytesOf))
  assert.deepEqual((await all(source, 57)).map(bytesOf), frozen.slice(57).map(bytesOf))
  assert.deepEqual((await all(frozenSource(log, [part]), 57)).map(bytesOf), frozen.slice(57).map(bytesOf))
})

test('a feature more changes what was frozen and nothing else', async () => {
  const range = await rangeOf(0)
  const more = featureSet(defaultFeatures.filter(({ name }) => name !== 'session'))
  const frozen = await all(frozenSource(log, [range]))
  const recomputed = await all(await recomputedSource(log, more, [range], await walkedRanges(log, 1)))
  const rest = ({ offset, record }: SourceRecord) =>
    bytesOf({ offset, record: record.type === 'Tick' ? record : { ...record, ...nothingFrozen } })
  assert.deepEqual(recomputed.map(rest), frozen.map(rest))
})

const nothingFrozen = { featureSet: '', features: new Uint8Array(0), queryFeatures: new Uint8Array(0) }

async function rangeOf(from: number) {
  const place = { topic: examples, partition: partitionOf(0) }
  return { ...place, from: offsetOf(from), to: (await log.bounds(place)).latest }
}

async function all(source: TrainingSource, skip = 0): Promise<SourceRecord[]> {
  return (await Array.fromAsync(source.batches(skip))).flat()
}

function bytesOf({ offset, record }: SourceRecord): string {
  return `${offset} ${Buffer.from(encode(record)).toString('base64')}`
}
