// Old weights are exactly those of the last multiple: a copy stands still until it is renewed and then equals the shard, and what
// is shown right after a renewal is predicted as by the weights as they are.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { sampleFeatures, sampleSpec } from '../../trainers/model/sample-features.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { onlineTrainer } from '../../trainers/online-trainer.ts'
import type { ParameterShard } from '../../trainers/parameter-server/parameter-shard.ts'
import { CollectedOutput, plantedRecords } from '../../trainers/planted-world.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { evenWorld, timeOf, worldDayMs } from '../cli/evaluation/even-world.ts'
import { drainTouched, FrozenCopy } from './staleness-copy.ts'
import { ageText, plotStaleness } from './staleness-plot.ts'
import { stalenessReport } from './staleness-report.ts'
import { type StalenessScores, stalenessScores } from './staleness-walk.ts'

const hourMs = 3_600_000

before(() => denseCompute())

test('a copy stands still until it is renewed, then holds what the shard holds', () => {
  const records = plantedRecords(3, 300, 20)
  const trainer = onlineTrainer({ spec: sampleSpec, featureSet: sampleFeatures, tableFactory: wasmTable })
  const copy = new FrozenCopy(trainer.shard, wasmTable)
  const ids = new Map(
    [...trainer.shard.tables].map(([name]): [string, BigUint64Array] => [name, new BigUint64Array(0)]),
  )
  const learn = (from: number, to: number): void => {
    for (const record of records.slice(from, to)) trainer.step(record, new CollectedOutput())
    for (const [name, touched] of drainTouched(trainer.shard)) {
      copy.touched(new Map([[name, touched]]))
      ids.set(name, BigUint64Array.from(new Set([...ids.get(name)!, ...touched])))
    }
  }
  const read = (source: Pick<ParameterShard, 'pull' | 'dense'>) => {
    const rows = [...ids].map(([name, own]) => {
      const out = new Float32Array(own.length * trainer.shard.tables.get(name)!.spec.dimension)
      source.pull(name, own, own.length, out)
      return [name, out]
    })
    return { rows, dense: [...source.dense].map(([name, { values }]) => [name, values.slice()]) }
  }
  learn(0, 150)
  copy.renew()
  const renewed = read(trainer.shard)
  assert.ok(ids.values().some(({ length }) => length > 50))
  assert.deepEqual(read(copy), renewed)
  learn(150, records.length)
  const early = read(copy)
  assert.deepEqual(early.dense, renewed.dense)
  assert.notDeepEqual(early, read(trainer.shard))
  copy.renew()
  assert.deepEqual(read(copy), read(trainer.shard))
})

describe('a walk', () => {
  const world = { users: 25, days: 2, rowsPerDay: 5, videos: 20, seed: 9 }
  const files = { ...evenWorld(world), rowCount: world.users * world.days * world.rowsPerDay }
  let scores: StalenessScores

  before(() => {
    scores = stalenessScores({
      ...{ files, spec: foryouSpec, features: featureSet(defaultFeatures), tableFactory: wasmTable },
      ...{ stalenessesMs: [hourMs, worldDayMs], utcOffsetMs: 0, impressionsMax: Number.POSITIVE_INFINITY },
    })
  })

  test('predicts every impression with every age, and the first after a renewal as the freshest do', () => {
    const [freshest, ...aged] = scores.arms
    assert.equal(scores.rows, files.rowCount)
    assert.deepEqual(
      aged.map(({ stalenessMs, countsFrozen }) => [stalenessMs, countsFrozen]),
      [
        [hourMs, false],
        [hourMs, true],
        [worldDayMs, false],
        [worldDayMs, true],
      ],
    )
    const events = [...files.timeline('drop')]
    for (const { stalenessMs, predictions } of aged) {
      const windowsSeen = new Set<number>()
      let [row, compared, moved] = [0, 0, 0]
      for (const event of events) {
        const window = Math.floor(timeOf(event) / stalenessMs)
        const isFirst = !windowsSeen.has(window)
        windowsSeen.add(window)
        if (event.kind !== 'impression') continue
        const apart = Math.abs(predictions.get('longView')![row]! - freshest!.predictions.get('longView')![row]!)
        assert.ok(Number.isFinite(apart))
        if (isFirst) assert.ok(apart < 1e-5, `row ${row} of ${stalenessMs}: ${apart}`)
        compared += Number(isFirst)
        moved += Number(apart > 1e-3)
        row++
      }
      assert.ok(compared >= world.days && moved > 10, `${compared} right after a renewal, ${moved} moved`)
    }
  })

  test('is reported against the freshest weights on the same rows', async () => {
    const results = stalenessReport(scores, { judgedFromMs: 0, resamples: 20, seed: 1 })
    const longViews = results.filter(({ head, segment }) => head === 'longView' && segment === 'all')
    assert.equal(longViews.length, scores.arms.length)
    assert.equal(longViews[0]!.auc.difference, null)
    for (const { auc, logLoss, rows } of longViews.slice(1)) {
      assert.equal(rows, scores.rows)
      assert.ok(Math.abs(auc.difference!.mean - (auc.value - longViews[0]!.auc.value)) < 1e-12)
      assert.ok(logLoss.difference!.low <= logLoss.difference!.high)
    }
    assert.match(await plotStaleness(results, 'title'), /^<svg/)
    assert.deepEqual([1_000, 300_000, worldDayMs].map(ageText), ['1 s', '5 min', '1 day'])
  })
})
