// The pass itself: what is known when, retrieval against brute force, predictions through a file and back.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { defaultFeatures } from '../../../streams/features/default-features.ts'
import { featureSet } from '../../../streams/features/feature-set.ts'
import { expectedNdcg, placeOf } from '../../../trainers/evaluation/expected-rank.ts'
import { pairedDifferences } from '../../../trainers/evaluation/paired-difference.ts'
import { scoredReport } from '../../../trainers/evaluation/scored-report.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { foryouSpec } from '../../../trainers/model/shipped-specs.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { csvFolder } from '../import/csv-fixtures.ts'
import { delayedOutcomes, outcomeDelayMsMax } from './delayed-outcomes.ts'
import { evaluateImport, type ImportEvaluationOptions, type Walked } from './evaluate-import.ts'
import { type EvenWorldOptions, evenViews, evenWorld, timeOf, worldDayMs, worldStartMs } from './even-world.ts'
import { readPredictions, writePredictions } from './predictions-file.ts'
import type { RetrievalReport } from './retrieval-tally.ts'

const world: EvenWorldOptions = { users: 40, days: 2, rowsPerDay: 5, videos: 30, seed: 5 }
const features = featureSet(defaultFeatures)
const intervalMs = 1_800_000
const scoreFromMs = worldStartMs + worldDayMs
const report = { utcOffsetMs: 0, resamples: 20, seed: 1 }
const settings: ImportEvaluationOptions = {
  files: evenWorld(world),
  spec: foryouSpec,
  features,
  tableFactory: wasmTable,
  scoreFromMs,
  utcOffsetMs: 0,
  retrieval: { every: 1, encodeEveryMs: 3_600_000 },
  intervalMs,
  labelsDelayedMs: 0,
  frozen: true,
}
const folder = mkdtempSync(join(tmpdir(), 'freshet-evaluation-'))
let walked: Walked
let retrieved: RetrievalReport

before(async () => {
  await denseCompute()
  walked = evaluateImport(settings)
  retrieved = walked.intervals.retrieved(20, 1)!
})

after(() => rmSync(folder, { recursive: true, force: true }))

describe('the pass', () => {
  test('scores every view from the given time on, with what was drawn as its label', () => {
    const { rows } = walked.intervals
    const views = evenViews(world).filter(({ timeMs }) => timeMs >= scoreFromMs)
    assert.equal(rows.length, views.length)
    const told = new Map(views.map(({ userId, timeMs, isLong }) => [`${userId} ${timeMs}`, Number(isLong)]))
    const labels = rows.labels('longView')
    for (let row = 0; row < rows.length; row++) {
      const userId = rows.userNames.names[rows.users[row]!]
      assert.equal(labels[row], told.get(`${userId} ${rows.timesMs[row]}`))
    }
    const { scored, segments, calibrationByDay } = scoredReport(rows, report)
    assert.equal(scored, rows.length)
    assert.deepEqual(Object.keys(calibrationByDay), ['2026-01-06'])
    // A user's first five impressions are those of the day before: the next five are a new user's, too.
    assert.equal(segments.newUsers!.rows, rows.length)
  })

  test('finds long views by popularity as sums over the intervals before say', () => {
    const views = evenViews(world)
    const intervalOf = (timeMs: number) => Math.floor(timeMs / intervalMs)
    const endOf = (view: (typeof views)[number]) => view.timeMs + (view.isLong ? 25_000 : 3_000)
    const wanted = views.filter(({ isLong, timeMs }) => isLong && timeMs >= scoreFromMs)
    let sum = 0
    let count = 0
    for (const view of wanted) {
      const interval = intervalOf(endOf(view))
      const firstMs = new Map<string, number>()
      const longViews = new Map<string, number>()
      for (const other of views) {
        if (intervalOf(other.timeMs) <= interval && !firstMs.has(other.videoId)) {
          firstMs.set(other.videoId, other.timeMs)
          longViews.set(other.videoId, 0)
        }
        if (other.isLong && intervalOf(endOf(other)) < interval) {
          longViews.set(other.videoId, longViews.get(other.videoId)! + 1)
        }
      }
      if (!(firstMs.get(view.videoId)! < view.timeMs)) continue
      const place = placeOf([...longViews.values()], longViews.size, [...longViews.keys()].indexOf(view.videoId))
      sum += expectedNdcg(place, 100)
      count++
    }
    assert.equal(retrieved.queries, count)
    assert.ok(Math.abs(retrieved.ndcgAt100.popularity! - sum / count) < 1e-9, `${sum / count}`)
    assert.ok(Object.values(retrieved.recallAt100).every((recall) => recall > 0 && recall <= 1))
    assert.equal(retrieved.modelAhead.als!.difference, retrieved.recallAt100.model! - retrieved.recallAt100.als!)
  })
})

describe('an outcome that comes after its example', () => {
  const files = csvFolder()
  after(() => files.remove())

  test('is what the row is scored against', async () => {
    const startMs = Date.UTC(2026, 0, 5)
    // A like makes an example after ten minutes; what was clicked is known when the window of half an hour closes.
    const lines = Array.from({ length: 48 }, (_, index) => {
      const shownMs = startMs + index * 3_600_000
      const line = (afterMs: number, action: string) => `${shownMs + afterMs},u${index % 5},v${index % 7},${action}`
      const liked = index % 2 === 0 ? [line(60_000, 'heart')] : []
      const clicked = index % 3 === 0 ? [line(900_000, 'click')] : []
      return [line(0, 'show'), ...liked, ...clicked]
    })
    const log = {
      ...{ files: 'log.csv', user: 'uid', video: 'item', time: { column: 'ts', unit: 'ms' } },
      events: {
        column: 'action',
        values: { show: 'impression', click: 'longView', heart: 'like' },
        windowMinutes: 30,
      },
    }
    const read = await files.read({ name: 'clicks', log }, ['ts,uid,item,action', ...lines.flat()].join('\n'))
    const { rows } = evaluateImport({ ...settings, files: read, scoreFromMs: startMs, retrieval: null }).intervals
    const hours = rows.timesMs.map((timeMs) => (timeMs - startMs) / 3_600_000)
    assert.deepEqual(
      hours.toSorted((left, right) => left - right),
      lines.map((_, index) => index),
    )
    const labels = { longView: rows.labels('longView'), like: rows.labels('like') }
    for (const [row, hour] of hours.entries()) {
      assert.equal(labels.longView[row], Number(hour % 3 === 0), `hour ${hour}`)
      assert.equal(labels.like[row], Number(hour % 2 === 0), `hour ${hour}`)
    }
  })
})

describe('delayed outcomes', () => {
  const { timeline } = evenWorld(world)

  test('come in the order in which they are known, none of them earlier, all of them', () => {
    for (const delayMs of [0, 1, 60_000, outcomeDelayMsMax]) {
      const events = [...delayedOutcomes(timeline('drop'), delayMs)]
      assert.equal(events.length, [...timeline('drop')].length)
      let nowMs = 0
      for (const { event, knownMs } of events) {
        assert.ok(knownMs >= nowMs)
        nowMs = knownMs
        assert.equal(knownMs, timeOf(event) + (event.kind === 'engagement' ? delayMs : 0))
        if (event.kind === 'engagement') assert.equal(event.record.receivedTimeMs, knownMs)
      }
    }
  })

  test('are refused where they would not be joined any more', () => {
    assert.throws(() => [...delayedOutcomes(timeline('drop'), outcomeDelayMsMax + 1)], /labels-delayed/)
    assert.throws(() => [...delayedOutcomes(timeline('drop'), -1)], /labels-delayed/)
  })
})

describe('a file of predictions', () => {
  test('gives back what was written, so that a model does not differ from itself', async () => {
    const { rows } = walked.intervals
    for (const name of ['plain.tsv', 'small.tsv.gz']) {
      const path = join(folder, name)
      await writePredictions(path, rows)
      const read = await readPredictions(path, rows)
      assert.equal(read.matched, rows.length)
      assert.deepEqual(read.plain.get('longView'), rows.predictions('longView'))
      assert.deepEqual(read.frozen.get('like'), rows.frozen('like'))
      const { longView } = pairedDifferences(rows, read, report)
      assert.equal(longView!.auc.rows, rows.length)
      assert.equal(longView!.auc.difference, 0)
      assert.deepEqual([longView!.aucWithinUserDay!.low, longView!.aucWithinUserDay!.high], [0, 0])
    }
  })

  test('of another model counts only the rows that both have, and needs no frozen column', async () => {
    const { rows } = walked.intervals
    const path = join(folder, 'plain.tsv')
    await writePredictions(path, rows)
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const columns = ['user', 'video', 'timeMs', 'longView'].map((name) => lines[0]!.split('\t').indexOf(name))
    const some = lines.filter((_, line) => line % 2 === 0)
    const other = join(folder, 'other.tsv')
    writeFileSync(other, some.map((line) => columns.map((column) => line.split('\t')[column]).join('\t')).join('\n'))
    const read = await readPredictions(other, rows)
    assert.equal(read.matched, some.length - 1)
    const found = pairedDifferences(rows, read, report)
    assert.deepEqual(Object.keys(found), ['longView'])
    assert.equal(found.longView!.auc.rows, some.length - 1)
    assert.equal(found.longView!.aucWithinUserDay, null)
    writeFileSync(other, 'user\tlongView\n')
    await assert.rejects(readPredictions(other, rows), /lacks the columns video, timeMs/)
  })
})
