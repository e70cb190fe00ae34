// An import into a running engine: its examples are those of the walk that evaluation scores, and a second import of the same
// rows changes nothing.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { decode } from '../../../schemas/codec.ts'
import type { Example } from '../../../schemas/generated.ts'
import { examples, interactions, users, videos } from '../../../schemas/topics.ts'
import { countReader } from '../../../serving/view/count-view.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import { type Log, partitionOf } from '../../../streams/log/log.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { countShard } from '../../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { loadConfig } from '../../config/config.ts'
import { type Engine, startEngine } from '../../processes/engine.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { samplePaths } from '../../simulation/sample.ts'
import { importIntoLog } from './import-into-log.ts'
import { importWalk } from './import-walk.ts'
import { type KuairandFiles, kuairandFiles } from './kuairand-files.ts'
import { collectRows, readLog, readUsers, readVideos } from './kuairand-reader.ts'

const rowsTaken = 2_000
const dataDir = mkdtempSync(join(tmpdir(), 'freshet-import-'))
const config = loadConfig({ environment: process.env, flags: { dataDir, 'gateway.port': '0' } })
const { features } = modelSetup(config)
let engine: Engine
let files: KuairandFiles

before(async () => {
  engine = await startEngine(config, systemRuntime)
  files = await firstRows()
})

after(async () => {
  await engine.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

test('an import gives the examples of the walk, and a second one changes nothing', async () => {
  const options = { files, features, log: engine.log, runtime: systemRuntime }
  const first = await importIntoLog(options)
  const expected = walkedExamples()
  const joined = await examplesOf(engine.log, expected.length)
  assert.deepEqual(joined.map(withoutAcceptance), expected.map(withoutAcceptance))
  assert.equal(first.appended + first.duplicates, first.events)

  const held = await heldByTopic(engine.log)
  const second = await importIntoLog(options)
  assert.equal(second.appended, 0)
  assert.equal(second.duplicates, first.events)
  assert.deepEqual(await heldByTopic(engine.log), held)
})

/** The first rows with a repeat among them: the log drops it in both imports. */
async function firstRows(): Promise<KuairandFiles> {
  const bad = new Map()
  const rows = (await collectRows(readLog([samplePaths.log], bad))).slice(0, rowsTaken)
  return kuairandFiles(
    [...rows, rows.at(-1)!],
    await collectRows(readUsers(samplePaths.users, bad)),
    await collectRows(readVideos(samplePaths.videos, bad)),
    bad,
  )
}

function walkedExamples(): Example[] {
  const walked: Example[] = []
  const counter = countShard({ spec: countsSpec, featureSet: features, tableFactory: wasmTable })
  const walk = importWalk({
    features,
    joiner: joiner(),
    counter,
    counts: countReader(counter.shard),
    onExample: (example) => walked.push(example as Example),
  })
  for (const video of files.videos) walk.video(video)
  for (const user of files.users) walk.user(user)
  for (const event of files.timeline('drop')) {
    if (event.kind === 'impression') walk.impression(event)
    else walk.engagement(event.record)
  }
  return walked
}

/** When an example was accepted is the one thing in which an import and an evaluation differ. */
function withoutAcceptance(example: Example): unknown {
  const bytes = (value: Uint8Array | null) => value && Buffer.from(value).toString('hex')
  const { queryFeatures, features: entry, labels, predictions } = example
  return {
    ...example,
    receivedTimeMs: 0,
    queryFeatures: bytes(queryFeatures),
    features: bytes(entry),
    labels: bytes(labels),
    predictions: bytes(predictions),
  }
}

async function examplesOf(log: Log, count: number): Promise<Example[]> {
  const found: Example[] = []
  const place = { topic: examples, partition: partitionOf(0) }
  const reader = await log.openReader({ ...place, from: (await log.bounds(place)).earliest })
  while (found.length < count) {
    for (const { value } of await reader.next({ recordsMax: 500, waitMsMax: 1_000 })) {
      const record = value && decode(value)
      if (record && record.type === 'Example') found.push(record)
    }
  }
  await reader.close()
  return found
}

/** How many records that are not Ticks each topic of an import holds. */
async function heldByTopic(log: Log): Promise<Record<string, number>> {
  const held: Record<string, number> = {}
  for (const topic of [interactions, users, videos, examples]) {
    const place = { topic, partition: partitionOf(0) }
    const { earliest, latest } = await log.bounds(place)
    const reader = await log.openReader({ ...place, from: earliest })
    let count = 0
    while (reader.position < latest) {
      for (const { value } of await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })) {
        const record = value && decode(value)
        if (record && record.type !== 'Tick') count++
      }
    }
    await reader.close()
    held[topic] = count
  }
  return held
}
