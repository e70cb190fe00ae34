// Two runs compared: differences equal those of the plain metrics, noise is called noise, what is better is found, and runs
// over other rows are refused with what differs.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { headIndex, heads } from '../../../schemas/labels.ts'
import { auc } from '../../../trainers/evaluation/auc.ts'
import { logLoss } from '../../../trainers/evaluation/log-loss.ts'
import { ScoredRows } from '../../../trainers/evaluation/scored-rows.ts'
import { seededRandom } from '../../simulation/seeded-random.ts'
import { compareRuns } from './compare-runs.ts'
import { readPredictionsTable, writePredictionsTable } from './predictions-table.ts'
import { type RunFacts, runFiles, writeJson } from './run-folder.ts'

const root = mkdtempSync(join(tmpdir(), 'freshet-compare-'))
const draws = { resamples: 100, seed: 1 }

interface Row {
  readonly id: string
  readonly userId: string
  readonly chance: number
  readonly predicted: number
  readonly label: number
}

const random = seededRandom(5)
/** What the chance is, of a view of each of 40 users. */
const truth: readonly Omit<Row, 'predicted'>[] = Array.from({ length: 1_200 }, (_, index) => {
  const chance = random.between(0.05, 0.95)
  return {
    id: index.toString(16).padStart(16, '0'),
    userId: `u${index % 40}`,
    chance,
    label: Number(random.chance(chance)),
  }
})
const knowing = truth.map((row) => ({ ...row, predicted: row.chance }))
const guessing = truth.map((row) => ({ ...row, predicted: random.between(0.3, 0.7) }))

before(async () => {
  await madeRun('knowing', knowing)
  await madeRun('guessing', guessing)
})
after(() => rmSync(root, { recursive: true, force: true }))

test('a better model is found better, the other way round worse, and itself noise', async () => {
  const better = (await compared('guessing', 'knowing')).byHead.longView!
  assert.equal(better.auc!.verdict, 'better')
  assert.equal(better.logLoss.verdict, 'better')
  const worse = (await compared('knowing', 'guessing')).byHead.longView!
  assert.equal(worse.auc!.verdict, 'worse')
  assert.equal(worse.logLoss.verdict, 'worse')
  const { auc: same, logLoss: sameLoss } = (await compared('knowing', 'knowing')).byHead.longView!
  assert.deepEqual([same!.difference, same!.low, same!.high, same!.verdict], [0, 0, 0, 'noise'])
  assert.deepEqual([sameLoss.difference, sameLoss.low, sameLoss.high, sameLoss.verdict], [0, 0, 0, 'noise'])
})

test('the numbers are those of the plain metrics', async () => {
  const found = (await compared('guessing', 'knowing')).byHead.longView!
  const labels = truth.map(({ label }) => label)
  const of = (rows: readonly Row[]) => rows.map(({ predicted }) => Math.fround(predicted))
  near(found.auc!.base, auc(of(guessing), labels))
  near(found.auc!.other, auc(of(knowing), labels))
  near(found.logLoss.base, logLoss(of(guessing), labels).mean)
  near(found.logLoss.difference, logLoss(of(knowing), labels).mean - logLoss(of(guessing), labels).mean)
  assert.ok(found.auc!.low <= found.auc!.difference && found.auc!.difference <= found.auc!.high)
  assert.equal(found.rows, truth.length)
})

test('a hair of noise more is called noise', async () => {
  const shaken = knowing.map((row) => ({ ...row, predicted: row.predicted + random.between(-1e-4, 1e-4) }))
  await madeRun('shaken', shaken)
  const { auc: found, logLoss: loss } = (await compared('knowing', 'shaken')).byHead.longView!
  assert.equal(found!.verdict, 'noise')
  assert.equal(loss.verdict, 'noise')
})

test('the order of the rows does not matter', async () => {
  await madeRun('turned', [...knowing].reverse())
  const { difference } = (await compared('knowing', 'turned')).byHead.longView!.auc!
  near(difference, 0)
})

test('other rows, other outcomes and unfinished runs are refused with what differs', async () => {
  await madeRun('shorter', knowing.slice(3))
  await assert.rejects(compared('knowing', 'shorter'), /1200 and 1197: 3 only in .*knowing \(such as example 0{16}\)/)
  await madeRun('relabelled', [{ ...knowing[0]!, label: 1 - knowing[0]!.label }, ...knowing.slice(1)])
  await assert.rejects(compared('knowing', 'relabelled'), /1 examples have another outcome of longView/)
  await madeRun('unfinished', knowing, null)
  await assert.rejects(compared('knowing', 'unfinished'), /its run is not finished/)
  await assert.rejects(compared('knowing', 'nowhere'), /there is no run in it/)
})

test('predictions are read back as they were written', async () => {
  const { exampleIds, scored } = await readPredictionsTable(join(root, 'knowing', runFiles.predictions))
  assert.deepEqual(
    exampleIds,
    knowing.map(({ id }) => id),
  )
  assert.deepEqual(
    [...scored.labels('longView')],
    knowing.map(({ label }) => label),
  )
  assert.deepEqual(
    [...scored.predictions('longView')],
    knowing.map(({ predicted }) => Math.fround(predicted)),
  )
  assert.ok(scored.labels('like').every(Number.isNaN))
  near(scored.watchedSeconds()[0]!, Math.expm1(2), 1e-5)
})

function compared(base: string, other: string) {
  return compareRuns(join(root, base), join(root, other), draws)
}

async function madeRun(name: string, rows: readonly Row[], finished: unknown = {}): Promise<void> {
  const scored = new ScoredRows()
  for (const row of rows) {
    const predictions = new Float32Array(heads.length).fill(0.5)
    predictions[headIndex.longView] = row.predicted
    const labels = new Float32Array(heads.length).fill(Number.NaN)
    labels[headIndex.longView] = row.label
    labels[headIndex.watchTime] = 2
    scored.add({
      userId: row.userId,
      videoId: 'v',
      requestId: `r${row.id}`,
      timeMs: 1_700_000_000_000,
      predictions,
      frozen: null,
      labels,
      userImpressionsBefore: 0,
      videoImpressionsBefore: 0,
      sinceUserSeenMs: 0,
    })
  }
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  writePredictionsTable(join(folder, runFiles.predictions), { scored, exampleIds: rows.map(({ id }) => id) })
  await writeJson(folder, runFiles.run, { format: 1, name, finished } as unknown as RunFacts)
}

function near(found: number, want: number, within = 1e-9): void {
  assert.ok(Math.abs(found - want) <= within, `${found} is not ${want}`)
}
