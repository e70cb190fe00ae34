// Logs of any shape and the engine's own examples, judged as a person would: files, columns, refusals; on real logs of two policies
// each one's value from the log of the other, beside the true one.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { encode } from '../../schemas/codec.ts'
import type { Example } from '../../schemas/generated.ts'
import { headIndex, heads } from '../../schemas/labels.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { examples, userTopics } from '../../schemas/topics.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { simulatedDisk } from '../../streams/runtime/simulated-disk.ts'
import { seededRandom, simulatedRuntime } from '../../streams/runtime/simulated-runtime.ts'
import { policyValue } from '../../trainers/evaluation/off-policy/policy-value.ts'
import { run } from './commands/off-policy.ts'
import { explorationDecisions, readExamples } from './off-policy-examples.ts'
import { readDecisions } from './off-policy-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-off-policy-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, ...lines: readonly string[]): string {
  const path = join(folder, name)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

const columns = { reward: 'gain', propensity: 'chance', action: 'arm', position: 'place', cluster: 'who' }
const header = 'gain,chance,arm,place,who'
const tenRows = Array.from({ length: 10 }, (_, row) => `${row % 3},0.5,${'ab'[row % 2]},1,u${row % 5}`)
const log = file('log.csv', header, ...tenRows)

test('a log and its target come out of their columns; rows that cannot be read are counted', async () => {
  const path = file('bad.csv', header, ...tenRows, ',0.5,a,1,u1')
  const uniform = await readDecisions(path, columns, { kind: 'uniform' }, 0)
  assert.deepEqual([...uniform.decisions.reward], [0, 1, 2, 0, 1, 2, 0, 1, 2, 0])
  assert.deepEqual([...uniform.decisions.targetPropensity], Array(10).fill(0.5))
  assert.deepEqual([...uniform.decisions.cluster!], [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
  assert.deepEqual([...uniform.bad.keys()], ['gain is no number'])
  const table = file('table.csv', 'arm,place,probability', 'a,1,0.9', 'b,1,0.1')
  const given = await readDecisions(path, columns, { kind: 'table', path: table }, 0)
  assert.deepEqual([...given.decisions.targetPropensity.slice(0, 2)], [0.9, 0.1])
  const counted = await readDecisions(
    path,
    columns,
    { kind: 'log', path: file('own.csv', 'arm,place', 'a,1', 'a,1', 'a,1', 'b,1') },
    0,
  )
  assert.deepEqual([...counted.decisions.targetPropensity.slice(0, 2)], [0.75, 0.25])
  const column = await readDecisions(log, columns, { kind: 'column', column: 'chance' }, 0)
  assert.deepEqual([...column.decisions.targetPropensity], Array(10).fill(0.5))
  assert.equal(column.decisions.actionPrediction, undefined)
})

test('refused: a column that is not there, a target outside the log', async () => {
  await assert.rejects(
    readDecisions(log, { ...columns, reward: 'watch' }, { kind: 'uniform' }, 0),
    /no column watch; name one of gain/,
  )
  const table = file('wide.csv', 'arm,place,probability', 'a,1,0.6', 'c,1,0.4')
  await assert.rejects(
    readDecisions(log, columns, { kind: 'table', path: table }, 0.01),
    /40.00 % of the target's mass is not covered.*c in 1/,
  )
})

test('the command: one JSON object as the last line; wrong calls say what to write', async () => {
  const call = ['--csv', log, '--reward', 'gain', '--propensity', 'chance', '--action', 'arm']
  const { code, stdout } = await offPolicy(...call, '--target', 'uniform', '--json')
  assert.equal(code, 0)
  const value = JSON.parse(stdout.trim().split('\n').at(-1)!)
  assert.equal(value.ips.value, 0.9)
  assert.equal(value.effectiveSampleSize, 10)
  assert.equal(value.doublyRobust.interval.length, 2)
  const given = { csv: log, reward: 'gain', propensity: 'chance', action: 'arm', uncoveredMax: '0' }
  for (const [options, remedy] of [
    [{}, /--csv is missing; give --csv/],
    [given, /one target, 0 are given: write one of --target uniform/],
    [{ ...given, target: 'uniform', clip: '0' }, /--clip is 0: write a number from 1/],
    [{ from: 'earliest', to: 'latest', head: 'joy' }, /--head is one of complete/],
    [{ from: 'earliest', to: 'latest', head: 'like', epsilon: '0.1' }, /--target-epsilon is missing/],
  ] as const) {
    await assert.rejects(run([], { ...options }), remedy)
  }
})

test('examples of the log: another chance of exploring, from the coins that fell', async () => {
  const runtime = simulatedRuntime(1)
  const own = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime, maintainEveryMs: 0 })
  for (const topic of userTopics(2)) await own.ensureTopic(topic)
  const random = seededRandom(4)
  const served = Array.from({ length: 4_000 }, (_, row) => {
    const isExplored = random() < 0.2
    return example(row, isExplored ? 0.05 : 1, Number(random() < (isExplored ? 0.3 : 0.6)))
  })
  await own.append(
    examples,
    served.map((record) => ({ key: record.userId, value: encode(record), timestampMs: record.eventTimeMs })),
  )
  const read = await readExamples(own, { kind: 'earliest' }, { kind: 'latest' })
  await own.close()
  assert.equal(read.length, served.length)
  const options = { head: 'longView', epsilon: 0.2, epsilonTarget: 0.5, warmExamples: 0 } as const
  const value = policyValue(explorationDecisions(read, options))
  assert.equal(value.clusters, 100)
  for (const { interval } of [value.ips, value.selfNormalised]) assert.ok(interval![0] < 0.45 && interval![1] > 0.45)
  assert.ok(value.loggedMean > value.selfNormalised.interval![1], 'exploring more costs long views here')
  const late = explorationDecisions(read, { ...options, warmExamples: 10 })
  assert.equal(late.reward.length, 3_000)
  assert.throws(() => policyValue(explorationDecisions(read, { ...options, epsilon: 0.05 })), /where 1 is due/)
  const imported = read.map((record) => ({ ...record, imported: true }))
  assert.throws(() => explorationDecisions(imported, options), /4000 examples are imported/)
  const certain = read.map((record) => ({ ...record, propensity: 1 }))
  assert.throws(() => explorationDecisions(certain, options), /propensity 1: nothing was explored/)
})

const shared = resolve(process.env.SHARED_DATA ?? '../shared/data', 'obd')
const obdColumns = {
  reward: 'click',
  propensity: 'propensity_score',
  action: 'item_id',
  position: 'position',
  cluster: null,
}

for (const campaign of ['men', 'women']) {
  test(`Open Bandit, ${campaign}: each policy's value from the other's log holds the true one`, async (t) => {
    if (!existsSync(shared)) return t.skip('set SHARED_DATA to a folder with obd/')
    const random = join(shared, 'random', campaign, `${campaign}.csv.gz`)
    const thompson = join(shared, 'bts', campaign, `${campaign}.csv.gz`)
    const ofThompson = await readDecisions(random, obdColumns, { kind: 'log', path: thompson }, 0.01)
    const ofRandom = await readDecisions(thompson, obdColumns, { kind: 'uniform' }, 0.01)
    for (const [{ decisions, uncoveredShare, bad }, own] of [
      [ofThompson, ofRandom.decisions.reward],
      [ofRandom, ofThompson.decisions.reward],
    ] as const) {
      assert.equal(bad.size, 0)
      assert.equal(own.length, 10_000)
      const truth = own.reduce((sum, reward) => sum + reward, 0) / own.length
      for (const weightMax of [Number.POSITIVE_INFINITY, 50]) {
        const value = policyValue(decisions, { weightMax, uncoveredShare })
        for (const { interval } of [value.ips, value.selfNormalised, value.doublyRobust!]) {
          assert.ok(interval![0] <= truth && truth <= interval![1], `${truth} outside ${interval}`)
        }
      }
    }
  })
}

function example(row: number, propensity: number, longView: number): Example {
  const labels = new Float32Array(heads.length).fill(Number.NaN)
  labels[headIndex.longView] = longView
  return {
    type: 'Example',
    exampleId: `example-${row}`,
    requestId: `request-${Math.floor(row / 5)}`,
    position: row % 5,
    userId: `user-${row % 100}`,
    videoId: `video-${row % 37}`,
    creatorId: 'creator',
    impressionTimeMs: 1_700_000_000_000 + row,
    eventTimeMs: 1_700_000_000_000 + row,
    receivedTimeMs: 1_700_000_000_000 + row,
    featureSet: '',
    queryFeatures: new Uint8Array(),
    features: new Uint8Array(),
    similarity: null,
    headNames: heads,
    labels: encodeFloats(labels),
    predictions: null,
    weight: 1,
    propensity,
    source: 'two-tower',
    surface: 'foryou',
    region: 'CH',
    imported: false,
  }
}

function offPolicy(...parts: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = fileURLToPath(new URL('./freshet.ts', import.meta.url))
  return new Promise((settled) => {
    execFile(process.execPath, [program, 'off-policy', ...parts], (error, stdout, stderr) =>
      settled({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })
}
