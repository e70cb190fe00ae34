// The verdict is about the better reference, with the margin that is stated, and only over what a file of predictions holds.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { heads } from '../../schemas/labels.ts'
import { seededRandom } from '../../streams/runtime/simulated-runtime.ts'
import { ScoredRows } from '../../trainers/evaluation/scored-rows.ts'
import { readPredictions } from '../cli/evaluation/predictions-file.ts'
import { referenceScripts, scriptPath } from './quality-references.ts'
import { qualityReport, type ReferenceOutcome } from './quality-report.ts'

const options = { utcOffsetMs: 0, resamples: 100, seed: 1 }
const rowCount = 1_200

/** Chances with so much noise around each label; live and frozen alike, like as longView. */
function noisy(labels: readonly number[], noise: number, seed: number): number[] {
  const random = seededRandom(seed)
  return labels.map((label) => (label + noise * random()) / (1 + noise))
}

function world(noise: number): { rows: ScoredRows; labels: number[] } {
  const random = seededRandom(3)
  const labels = Array.from({ length: rowCount }, () => Number(random() < 0.4))
  const rows = new ScoredRows()
  for (const [row, chance] of noisy(labels, noise, 4).entries()) {
    const predictions = new Float32Array(heads.length).fill(chance)
    rows.add({
      ...{ userId: `${row % 60}`, videoId: `${row % 31}`, requestId: `${row}`, timeMs: 1_000 * row },
      ...{ predictions, frozen: predictions, labels: new Float32Array(heads.length).fill(labels[row]!) },
      ...{ userImpressionsBefore: 0, videoImpressionsBefore: 0, sinceUserSeenMs: 0 },
    })
  }
  return { rows, labels }
}

/** Through a file of the columns that the references write. */
async function outcomeOf(rows: ScoredRows, chances: readonly number[], seconds: number): Promise<ReferenceOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'freshet-quality-test-'))
  const lines = chances.map((chance, row) => [`${row % 60}`, `${row % 31}`, 1_000 * row, ...Array(4).fill(chance)])
  const columns = ['user', 'video', 'timeMs', 'longView', 'longView.frozen', 'like', 'like.frozen']
  const path = join(folder, 'other.tsv')
  writeFileSync(path, [columns, ...lines].map((cells) => `${cells.join('\t')}\n`).join(''))
  const { matched, ...predictions } = await readPredictions(path, rows)
  rmSync(folder, { recursive: true })
  return { predictions, matched, cpuSeconds: seconds }
}

test('the better reference is the one that counts', async () => {
  const { rows, labels } = world(2)
  const outcomes = {
    worse: await outcomeOf(rows, noisy(labels, 6, 5), 1),
    better: await outcomeOf(rows, noisy(labels, 3, 6), 2),
  }
  const { references, against } = qualityReport(rows, outcomes, options)
  assert.deepEqual(
    Object.entries(references).map(([name, { matched, cpuSeconds }]) => [name, matched, cpuSeconds]),
    [
      ['worse', rowCount, 1],
      ['better', rowCount, 2],
    ],
  )
  for (const head of ['longView', 'like'] as const) {
    const { auc, aucWithinUserDay } = against[head]!
    for (const verdict of [auc, aucWithinUserDay!]) {
      assert.equal(verdict.reference, 'better')
      assert.ok(verdict.holds && !verdict.clearlyBelow && verdict.low > 0, JSON.stringify(verdict))
      assert.equal(verdict.difference, verdict.ours - verdict.theirs)
    }
  }
})

test('equals hold, and a model that is clearly below does not', async () => {
  const { rows, labels } = world(3)
  const own = Array.from(rows.predictions('longView'))
  const equal = qualityReport(rows, { same: await outcomeOf(rows, own, 1) }, options).against.longView!
  assert.ok(equal.auc.holds && equal.aucWithinUserDay!.holds)
  assert.equal(equal.auc.difference, 0)
  const ahead = { ahead: await outcomeOf(rows, noisy(labels, 1.2, 8), 1) }
  const below = qualityReport(rows, ahead, options).against.longView!
  for (const verdict of [below.auc, below.aucWithinUserDay!]) assert.ok(!verdict.holds && verdict.clearlyBelow)
})

test('of like and longView each is judged where the file has it', () => {
  const { rows } = world(2)
  const plain = new Map([['like' as const, rows.predictions('like')]])
  const outcomes = { partial: { predictions: { plain, frozen: new Map() }, matched: rowCount, cpuSeconds: 1 } }
  const { against } = qualityReport(rows, outcomes, options)
  assert.deepEqual(Object.keys(against), ['like'])
  assert.equal(against.like!.aucWithinUserDay, null)
})

test('each reference is a program of the project', () => {
  for (const script of Object.values(referenceScripts)) assert.ok(existsSync(scriptPath(script)), script)
})
