// The engine is killed with SIGKILL at random moments under load, time after time: what it had promised holds, and what
// it learned is what it would have learned undisturbed, byte for byte. KILL_SEED and KILLS choose other runs.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, afterEach, before, test } from 'node:test'
import { decode } from '../../schemas/codec.ts'
import type { SnapshotTaken } from '../../schemas/generated.ts'
import * as topics from '../../schemas/topics.ts'
import { View } from '../../serving/view/view.ts'
import { viewFeeder } from '../../serving/view/view-feeder.ts'
import { joiner } from '../../streams/joiner/joiner.ts'
import { type EmbeddedLog, embeddedLog } from '../../streams/log/embedded-log.ts'
import { type LogRecord, partitionOf } from '../../streams/log/log.ts'
import { checkpointState, listCheckpoints } from '../../streams/processor/checkpoint.ts'
import { allRecords } from '../../streams/processor/crash-world.ts'
import { engagementsProjection } from '../../streams/projections/engagements.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { folderBlobStore } from '../../streams/stores/folder-blob-store.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { type DumpableReplica, replica } from '../../trainers/model/replica.ts'
import { decodeSections, sectionOf } from '../../trainers/model/sections.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { type OnlineTrainer, onlineTrainer } from '../../trainers/online-trainer.ts'
import { type CountShard, countShard } from '../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { resolveConfig } from '../config/config.ts'
import type { CatalogVideo } from '../simulation/tastes.ts'
import { type KilledEngineReport, killedEngine } from './killed-engine.ts'
import { modelSetup } from './model-setup.ts'
import { logDirectory } from './open-log.ts'
import {
  differences,
  type Fold,
  type Mover,
  missingEventIds,
  type Remains,
  remainsOf,
  repeatedEventIds,
  undisturbedFold,
} from './undisturbed-fold.ts'

const seed = Number(process.env.KILL_SEED ?? 20_260_727)
const kills = Number(process.env.KILLS ?? 20)

/** Short intervals, so that every life writes and reads checkpoints, snapshots, deltas and generations; several Ticks to a
 *  sync, so that a checkpoint may fall between two syncs. */
const settings = {
  gateway: { port: 0 },
  checkpointIntervalMs: 500,
  syncIntervalMs: 350,
  ticks: { activeMs: 100, idleMs: 200 },
  generationMs: 2_000,
  limits: { servedDeadlineMs: 1_000 },
}

const catalog: readonly CatalogVideo[] = Array.from({ length: 90 }, (_, index) => ({
  videoId: `video-${index}`,
  creatorId: `creator-${index % 9}`,
  hashtags: [`tag-${index % 7}`, `tag-${7 + (index % 5)}`],
  durationMs: 5_000 + (index % 6) * 4_000,
}))

const folder = mkdtempSync(join(tmpdir(), 'freshet-kill-'))
const dataDir = join(folder, 'data')
const configPath = join(folder, 'freshet.json')
writeFileSync(configPath, JSON.stringify(settings))
const config = resolveConfig({ file: { path: configPath, text: JSON.stringify(settings) }, environment: {}, flags: {} })
const { spec, features } = modelSetup(config)
const blobs = folderBlobStore(systemDisk, join(dataDir, 'blobs'))

/** Parameters as they were when their newest delta was taken, by model: what a view can know. */
const publishedByModel = new Map<string, Uint8Array>()
const proven = new Map<Mover, { readonly remains: Remains; readonly fold: Fold }>()

const tuning = { featureSet: features, tableFactory: wasmTable, syncIntervalMs: settings.syncIntervalMs }
let movers: readonly Mover[]

let report: KilledEngineReport
let log: EmbeddedLog

before(async () => {
  console.log(`seed ${seed}, ${kills} kills, in ${folder}`)
  const compileCache = join(folder, 'compiled')
  report = await killedEngine({
    ...{ dataDir, configPath, compileCache, model: spec.model, seed, kills, users: 8, catalog, runtime },
  })
  log = await embeddedLog({ disk: systemDisk, directory: logDirectory(dataDir), runtime })
  await denseCompute()
  movers = [
    { group: 'joiner', input: topics.interactions, output: topics.examples, processor: joiner() },
    {
      group: 'engagements',
      input: topics.interactions,
      output: topics.engagements,
      processor: engagementsProjection(),
    },
    learner('counter', countShard({ spec: countsSpec, ...tuning })),
    learner(`trainer.${spec.model}`, onlineTrainer({ spec, ...tuning })),
  ]
})

let hasFailed = true
afterEach((context) => {
  hasFailed ||= !(context as { passed?: boolean }).passed
})
after(async () => {
  await log?.close()
  if (hasFailed) console.log(`what was left is in ${folder}; KILL_SEED=${seed} gives the same moments`)
  else rmSync(folder, { recursive: true, force: true })
})

test('what was promised to clients is in the log once', async () => {
  const { ledger, startsMs, killedBeforeReady, killedUnderLoad, viewTroubles } = report
  const records = await allRecords(log, topics.interactions)
  console.log(
    `${ledger.acknowledgedEventIds.size} events acknowledged, ${ledger.abandonedEventIds.size} given up, ` +
      `${ledger.repeated} sent again, ${ledger.loggedRequestIds.size} pages, ${ledger.unanswered} requests unanswered; ` +
      `killed ${killedBeforeReady} times before ready, ${killedUnderLoad} under load; ` +
      `starts took ${startsMs.map((ms) => Math.round(ms)).join(' ')} ms`,
  )
  assert.deepEqual(ledger.broken, [])
  assert.deepEqual(viewTroubles, [])
  assert.deepEqual(missingEventIds(ledger.acknowledgedEventIds, records), [])
  assert.deepEqual(missingEventIds(ledger.videoEventIds, await allRecords(log, topics.videos)), [])
  assert.deepEqual(repeatedEventIds(records), [])
  const pages = requestIdsOf(records)
  assert.equal(new Set(pages).size, pages.length, 'no page is there twice')
  assert.deepEqual(
    [...ledger.loggedRequestIds].filter((requestId) => !pages.includes(requestId)),
    [],
  )
  // A run in which nothing was at stake proves nothing.
  assert.equal(killedBeforeReady + killedUnderLoad, kills)
  assert.ok(ledger.unanswered > 0)
})

test('examples, counts, weights and what is derived are those of an undisturbed fold, byte for byte', async () => {
  for (const mover of movers) {
    const remains = await remainsOf(mover, log, blobs)
    const fold = undisturbedFold(mover, remains.inputs, remains.checkpoint.next)
    assert.deepEqual(differences(mover, remains, fold), [])
    assert.ok(remains.outputs.length > 0, `${mover.output} holds something`)
    proven.set(mover, { remains, fold })
  }
  for (const { name } of await log.topics()) {
    if (name.endsWith('.dead-letter')) assert.deepEqual(await allRecords(log, name), [])
  }
})

test('a view that starts holds the rows of the shards as their newest snapshots have them', async () => {
  const model = replica(spec, wasmTable)
  const counts = replica(countsSpec, wasmTable)
  const view = new View({
    features,
    model,
    counts,
    vectorDimension: spec.towers!.dimension,
    encoderOf: () => ({ dimension: spec.towers!.dimension, encodeQuery: () => new Float32Array(0) }),
    clock: runtime.clock,
  })
  const feeder = viewFeeder({ view, log, blobs, runtime, users: { partitions: [0] } })
  await feeder.whenReady()
  await feeder.stop()
  assert.deepEqual(feeder.counts, { errors: 0, newestError: null, gaps: 0, snapshotsLoaded: 2 })
  for (const [mover, { remains, fold }] of owners()) {
    const { model: name } = (mover.processor as OnlineTrainer | CountShard).shard
    const newest = (await announced(name)).at(-1)!
    // The last checkpoint of a clean stop is the snapshot that views are told of.
    assert.deepEqual(newest.offsets, { [`${mover.input}/0`]: remains.checkpoint.next })
    const owner = replica(name === countsSpec.model ? countsSpec : spec, wasmTable)
    owner.load(0, shardIn(fold.state))
    assertSameRows(name === countsSpec.model ? counts : model, owner)
  }
})

test('the oldest snapshot and every delta after it give what the newest delta published', async () => {
  for (const [mover] of owners()) {
    const { model: name } = (mover.processor as OnlineTrainer | CountShard).shard
    const modelOf = name === countsSpec.model ? countsSpec : spec
    const { group, input, processor } = mover
    const names = await listCheckpoints(blobs, {
      group,
      processor: processor.name,
      topic: input,
      partition: partitionOf(0),
    })
    assert.ok(names.length > 2, 'older snapshots are kept')
    const follower = replica(modelOf, wasmTable)
    follower.load(0, shardIn(checkpointState(await blobs.get(names[0]!))))
    let applied = 0
    for (const { value } of await allRecords(log, topics.deltasOf(name))) {
      const delta = decode(value!)
      if (delta.type !== 'Delta') throw new Error(`a ${delta.type} among deltas`)
      const outcome = follower.apply(delta)
      assert.notEqual(outcome, 'gap')
      if (outcome === 'applied') applied++
    }
    assert.ok(applied > 0)
    const owner = replica(modelOf, wasmTable)
    owner.load(0, publishedByModel.get(name)!)
    assertSameRows(follower, owner)
  }
})

test('a planted defect is found', async () => {
  const records = await allRecords(log, topics.interactions)
  const acknowledged = [...report.ledger.acknowledgedEventIds]
  const lost = acknowledged[acknowledged.length >> 1]!
  const withoutOne = records.filter((record) => eventIdOf(record) !== lost)
  assert.deepEqual(missingEventIds(acknowledged, withoutOne), [lost])
  const twice = records.find((record) => eventIdOf(record) === lost)!
  assert.deepEqual(repeatedEventIds([...records, twice]), [lost])

  for (const [mover, { remains, fold }] of proven) {
    const { outputs, checkpoint } = remains
    const middle = outputs.length >> 1
    const altered = outputs.map((record, index) =>
      index === middle ? { ...record, value: flipped(record.value!) } : record,
    )
    const shifted = outputs.map((record, index) =>
      index === middle ? { ...record, source: outputs[0]!.source! } : record,
    )
    for (const defect of [
      altered,
      shifted,
      outputs.toSpliced(middle, 1),
      outputs.toSpliced(middle, 0, outputs[middle]!),
    ]) {
      assert.notDeepEqual(differences(mover, { ...remains, outputs: defect }, fold), [])
    }
    if (checkpoint.state.length === 0) continue
    const state = flipped(checkpoint.state)
    assert.equal(differences(mover, { ...remains, checkpoint: { ...checkpoint, state } }, fold).length, 1)
  }
  hasFailed = false
})

/** Movers that own parameters, with what was proven of them. */
function owners(): [Mover, { readonly remains: Remains; readonly fold: Fold }][] {
  const found = [...proven].filter(([{ processor }]) => 'shard' in processor)
  assert.equal(found.length, 2)
  return found
}

/** A snapshot is a section of its owner's state. */
function shardIn(state: Uint8Array): Uint8Array {
  return sectionOf(decodeSections(state), 'shard')
}

async function announced(model: string): Promise<SnapshotTaken[]> {
  const records = await allRecords(log, topics.snapshotsOf(model))
  return records.flatMap(({ value }) => {
    const record = decode(value!)
    return record.type === 'SnapshotTaken' ? [record] : []
  })
}

function assertSameRows(followed: DumpableReplica, owner: DumpableReplica): void {
  assert.equal(followed.version, owner.version)
  for (const [name, table] of owner.tablesOf(0)) {
    assert.ok(table.rows > 0, `${name} holds rows`)
    assert.deepEqual(followed.tablesOf(0).get(name)!.dump(), table.dump(), `${followed.model}.${name}`)
  }
}

function learner(group: string, processor: OnlineTrainer | CountShard): Mover {
  const { shard } = processor
  const onStep = (outputs: number) => {
    if (outputs > 0) publishedByModel.set(shard.model, shard.dump())
  }
  return { group, input: topics.examples, output: topics.deltasOf(shard.model), processor, onStep }
}

function requestIdsOf(records: readonly LogRecord[]): string[] {
  return records.flatMap(({ value }) => {
    const record = decode(value!)
    return record.type === 'FeedServed' ? [record.requestId] : []
  })
}

function eventIdOf({ value }: LogRecord): string | undefined {
  return (decode(value!) as { eventId?: string }).eventId
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[copy.length >> 1]! ^= 1
  return copy
}
