// A view and a feeder over the real log in memory, for tests, and the records a trainer would publish.
import { encode } from '../../schemas/codec.ts'
import type { AnyRecord, Delta, SnapshotTaken } from '../../schemas/generated.ts'
import { encodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import * as topics from '../../schemas/topics.ts'
import { countDimension } from '../../streams/features/count-columns.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { type Log, offsetOf, partitionOf } from '../../streams/log/log.ts'
import { putCheckpoint } from '../../streams/processor/checkpoint-keeping.ts'
import { simulatedDisk } from '../../streams/runtime/simulated-disk.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { memoryBlobStore } from '../../streams/stores/memory-blob-store.ts'
import { replica } from '../../trainers/model/replica.ts'
import { encodeSections } from '../../trainers/model/sections.ts'
import { countsSpec, foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { encodeSnapshot, specFingerprint } from '../../trainers/model/snapshot.ts'
import { mapTable } from '../../trainers/table/map-table.ts'
import { ShardWorld } from '../feed/shard-world.ts'
import { View } from './view.ts'
import { type ViewFeederOptions, viewFeeder } from './view-feeder.ts'

const features = featureSet(defaultFeatures)

export interface Rig {
  readonly log: Log
  readonly blobs: BlobStore
  readonly view: View
  append(topic: string, records: readonly AnyRecord[], partition?: number): Promise<void>
  feeder(users?: ViewFeederOptions['users']): ReturnType<typeof viewFeeder>
}

/** `buckets` of each of the two models. */
export async function withRig(partitions: number, run: (rig: Rig) => Promise<void>, buckets = 1): Promise<void> {
  const log = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime: systemRuntime })
  const specs = [
    ...topics.userTopics(partitions),
    ...topics.sharedTopics(),
    ...topics.modelTopics('foryou', buckets),
    ...topics.modelTopics(topics.countsModel, buckets),
  ]
  for (const spec of specs) await log.ensureTopic(spec)
  const blobs = memoryBlobStore()
  const view = new View({
    features,
    model: replica(foryouSpec, mapTable, { buckets }),
    counts: replica(countsSpec, mapTable, { buckets }),
    userPartitions: partitions,
    vectorDimension: 64,
    encoderOf: () => ({ dimension: 64, encodeQuery: () => new Float32Array(64) }),
    clock: systemRuntime.clock,
  })
  const feeders: ReturnType<typeof viewFeeder>[] = []
  const append: Rig['append'] = async (topic, records, partition = 0) => {
    await log.append(
      topic,
      records.map((record) => ({
        key: null,
        value: encode(record),
        timestampMs: systemRuntime.clock.nowMs(),
        partition: partitionOf(partition),
      })),
    )
  }
  try {
    await run({
      log,
      blobs,
      view,
      append,
      feeder(users = { partitions: [0] }) {
        const feeder = viewFeeder({ view, log, blobs, runtime: systemRuntime, users })
        feeders.push(feeder)
        return feeder
      },
    })
  } finally {
    for (const feeder of feeders) await feeder.stop()
    await log.close()
  }
}

/** Records of a small world, by topic. */
export async function smallWorld(): Promise<ShardWorld> {
  const world = new ShardWorld()
  for (let number = 0; number < 30; number++) world.publish(`v${number}`)
  world.join('ann', { region: 'DE' })
  const page = await world.page('ann')
  for (const entry of page.entries) world.watch('ann', entry.videoId, 1, page.requestId)
  return world
}

export function countsDelta(baseVersion: number, version: number, id: bigint, outcomes: number, bucket = 0): Delta {
  const values = new Float32Array(countDimension)
  values[0] = outcomes
  const rows = encodeDeltaRows({ ids: BigUint64Array.of(id), eventTimesMs: Float64Array.of(1), values }, false)
  return {
    type: 'Delta',
    model: topics.countsModel,
    bucket,
    epoch: 0,
    baseVersion,
    version,
    trainedThrough: {},
    eventTimeMs: 1,
    receivedTimes: [{ receivedTimeMs: systemRuntime.clock.nowMs() - 100, examples: 3 }],
    tables: [{ table: 'totals', dimension: countDimension, half: false, rows, tombstones: new Uint8Array(0) }],
    dense: [],
    lineage: 0,
  }
}

export interface CountsSnapshotOptions {
  readonly bucket?: number
  readonly lineage?: number
  readonly epoch?: number
  /** Outcomes by row. */
  readonly outcomes?: ReadonlyMap<bigint, number>
}

/** Stores a checkpoint of the owner; gives the record that names it. */
export async function countsSnapshot(
  blobs: BlobStore,
  version: number,
  { bucket = 0, lineage = 0, epoch = 0, outcomes = new Map() }: CountsSnapshotOptions = {},
): Promise<SnapshotTaken> {
  const dumpByTable = new Map<string, Uint8Array>()
  for (const { side: _, ...spec } of countsSpec.tables) {
    const table = mapTable(spec)
    const values = new Float32Array(countDimension)
    for (const [id, count] of spec.name === 'totals' ? outcomes : []) {
      values[0] = count
      table.set(BigUint64Array.of(id), 1, values, Float64Array.of(1))
    }
    dumpByTable.set(spec.name, table.dump())
  }
  const { model } = countsSpec
  const shard = encodeSnapshot({
    facts: { model, spec: specFingerprint(countsSpec), bucket, version, syncs: 0, lineage },
    dumpByTable,
    dense: new Map(),
    accumulators: new Map(),
    state: new Map(),
  })
  const partition = partitionOf(bucket)
  const owner = { group: `lineage-${lineage}`, processor: 'shard', topic: topics.gradientsOf(model), partition }
  const position = { next: offsetOf(version), inputSource: null, outputs: [] }
  const stored = await putCheckpoint(blobs, owner, position, [encodeSections({}, new Map([['shard', shard]]))])
  return {
    type: 'SnapshotTaken',
    model,
    bucket,
    epoch,
    version,
    blob: stored.blob,
    bytes: stored.byteLength,
    checksum: stored.checksum,
    offsets: {},
    eventTimeMs: 1,
    lineage,
  }
}

export const outcomesIn = (view: View, id: bigint): number => {
  const row = new Float32Array(countDimension)
  view.countView.reader.read('totals', id as never, row)
  return row[0]!
}
