// The log walked again: the default features come out as they were frozen, byte for byte and in the same order, over any
// range, and a log without the outcomes behind a page gives it the same features.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { encode } from '../../../schemas/codec.ts'
import type { AnyRecord, FeedServed } from '../../../schemas/generated.ts'
import { examples, interactions, sharedTopics, users, userTopics, videos } from '../../../schemas/topics.ts'
import { countReader } from '../../../serving/view/count-view.ts'
import { defaultFeatures } from '../../../streams/features/default-features.ts'
import { featureSet } from '../../../streams/features/feature-set.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import { embeddedLog } from '../../../streams/log/embedded-log.ts'
import { type Log, offsetOf, partitionOf } from '../../../streams/log/log.ts'
import { simulatedDisk } from '../../../streams/runtime/simulated-disk.ts'
import { simulatedRuntime } from '../../../streams/runtime/simulated-runtime.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { countShard } from '../../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { samplePaths } from '../../simulation/sample.ts'
import { importWalk } from '../import/import-walk.ts'
import { type KuairandFiles, readKuairand } from '../import/kuairand-files.ts'
import { LockstepInput } from '../import/lockstep-input.ts'
import { frozenSource } from './frozen-source.ts'
import { recomputedSource, walkedRanges } from './recomputed-source.ts'
import type { SourceRecord, TrainingSource } from './training-source.ts'

const eventsTaken = 1_500
const features = featureSet(defaultFeatures)
let log: Log

before(async () => {
  const files = await readKuairand({ logs: [samplePaths.log], users: samplePaths.users, videos: samplePaths.videos })
  log = await loggedSample(files)
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

/** The first events of the sample as an engine would have logged them: what was served, what was done, what was joined. */
async function loggedSample(files: KuairandFiles): Promise<Log> {
  const made = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime: simulatedRuntime(1) })
  for (const spec of [...userTopics(1), ...sharedTopics()]) await made.ensureTopic(spec)
  const counter = countShard({ spec: countsSpec, featureSet: features, tableFactory: wasmTable })
  const walk = importWalk({ features, joiner: joiner(), counter, counts: countReader(counter.shard) })
  for (const video of files.videos) walk.video(video)
  for (const user of files.users) walk.user(user)
  const happened: AnyRecord[] = []
  for (const event of files.timeline('drop')) {
    if (happened.length >= eventsTaken) break
    if (happened.length % 100 === 99) happened.push({ type: 'Tick', eventTimeMs: 1_000, receivedTimeMs: 1_000 })
    if (event.kind === 'impression') happened.push(walk.impression(event))
    else {
      walk.engagement(event.record)
      happened.push(event.record)
    }
  }
  await append(made, videos, files.videos)
  await append(made, users, files.users)
  await append(made, interactions, happened)
  const joined = new LockstepInput(joiner(), interactions)
  const outputs = happened.flatMap((record, offset) =>
    joined.step(record, (record as Partial<FeedServed>).userId ?? null).map((output, ordinal) => ({
      key: output.key,
      value: encode(output.record),
      timestampMs: 2,
      source: { offset: offsetOf(offset), ordinal },
    })),
  )
  await made.append(examples, outputs)
  return made
}

async function append(into: Log, topic: string, records: readonly AnyRecord[]): Promise<void> {
  await into.append(
    topic,
    records.map((record) => ({ key: null, value: encode(record), timestampMs: 1 })),
  )
}
