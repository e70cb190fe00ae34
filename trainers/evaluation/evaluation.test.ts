// Metrics against their definitions, evaluated by brute force on small random inputs with many ties.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { headIndex, heads } from '../../schemas/labels.ts'
import { seededRandom } from '../../streams/runtime/simulated-runtime.ts'
import { auc, aucEstimate, aucInterval } from './auc.ts'
import { calibration } from './calibration.ts'
import { logLoss, pointLogLoss } from './log-loss.ts'
import { type HeadMetrics, ProgressiveMetrics } from './progressive-metrics.ts'

const near = (found: number, want: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(found - want) <= tolerance || (Number.isNaN(found) && Number.isNaN(want)), `${found}, not ${want}`)

const anyRows = fc.array(
  fc.record({
    score: fc.oneof(fc.constantFrom(0, 0.25, 0.5, 0.75, 1), fc.double({ min: 0, max: 1, noNaN: true })),
    label: fc.constantFrom(0, 1, 0, 1, Number.NaN),
  }),
  { maxLength: 40 },
)

/** Every pair of a positive and a negative. */
function pairwise(scores: readonly number[], labels: readonly number[]) {
  const of = (label: number) => scores.filter((_, index) => labels[index] === label)
  const [positives, negatives] = [of(1), of(0)]
  const wins = (high: number, low: number) => (high > low ? 1 : high === low ? 0.5 : 0)
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = (values: readonly number[]) => {
    return values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1)
  }
  const ofPositives = positives.map((high) => mean(negatives.map((low) => wins(high, low))))
  const ofNegatives = negatives.map((low) => mean(positives.map((high) => wins(high, low))))
  const error = Math.sqrt(variance(ofPositives) / positives.length + variance(ofNegatives) / negatives.length)
  return { auc: mean(ofPositives), error }
}

describe('AUC', () => {
  test('is the share of pairs in the right order, ties as half, with the error of DeLong', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const [scores, labels] = [rows.map(({ score }) => score), rows.map(({ label }) => label)]
        const found = aucEstimate(scores, labels)
        const want = pairwise(scores, labels)
        const both = labels.includes(0) && labels.includes(1)
        near(found.auc, both ? want.auc : Number.NaN)
        const several = found.positives > 1 && found.negatives > 1
        if (several) near(found.standardError, want.error, 1e-7)
        assert.equal(found.positives, labels.filter((label) => label === 1).length)
      }),
    )
  })

  test('does not change under a rising transformation and turns around with the scores', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const [scores, labels] = [rows.map(({ score }) => Math.fround(score)), rows.map(({ label }) => label)]
        const value = auc(scores, labels)
        near(
          auc(
            scores.map((score) => score * 4),
            labels,
          ),
          value,
        )
        near(
          auc(
            scores.map((score) => -score),
            labels,
          ),
          1 - value,
        )
      }),
    )
  })

  test('has an interval around it that stays within 0 and 1', () => {
    const [low, high] = aucInterval(aucEstimate([0.1, 0.9, 0.8, 0.3, 0.7, 0.2], [0, 1, 1, 0, 0, 1]))
    assert.ok(low >= 0 && low < high && high <= 1)
  })
})

describe('log loss', () => {
  test('is the mean of the known rows, with its standard error', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const losses = rows
          .filter(({ label }) => !Number.isNaN(label))
          .map(({ score, label }) => pointLogLoss(score, label))
        const found = logLoss(
          rows.map(({ score }) => score),
          rows.map(({ label }) => label),
        )
        const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
        near(found.mean, mean, 1e-7)
        assert.equal(found.count, losses.length)
        if (losses.length < 2) return
        const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (losses.length - 1)
        near(found.standardError, Math.sqrt(variance / losses.length), 1e-6)
      }),
    )
  })

  test('stays finite for a sure mistake', () => {
    assert.ok(pointLogLoss(0, 1) < 17)
    assert.ok(pointLogLoss(1, 0) < 17)
    near(pointLogLoss(0.5, 1), Math.LN2)
  })
})

describe('calibration', () => {
  test('is without error where rates come true, and counts every known row once', () => {
    const probabilities = [0.25, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75, 0.5]
    const found = calibration(probabilities, [0, 0, 0, 1, 1, 1, 1, 0, Number.NaN], 2)
    near(found.expectedError, 0)
    near(found.ratio, 1)
    assert.deepEqual(
      found.bins.map(({ count }) => count),
      [4, 4],
    )
  })

  test('weighs the distance of each bin by its rows', () => {
    near(calibration([0.9, 0.9, 0.1, 0.1], [0, 0, 0, 0], 2).expectedError, 0.5)
    assert.ok(Number.isNaN(calibration([], []).expectedError))
  })
})

describe('progressive metrics', () => {
  const row = (label: number) => {
    const labels = new Float32Array(heads.length).fill(Number.NaN)
    labels[headIndex.like] = label
    return labels
  }
  const predictions = (score: number) => new Float32Array(heads.length).fill(score)

  test('hold the newest of the window and no more', () => {
    fc.assert(
      fc.property(anyRows, fc.integer({ min: 1, max: 12 }), (rows, size) => {
        const metrics = new ProgressiveMetrics(size)
        for (const { score, label } of rows) metrics.add(predictions(score), row(label), 0, 1)
        const known = rows.filter(({ label }) => !Number.isNaN(label))
        const newest = known.slice(-size)
        const found = metrics.head('like')
        assert.equal(found.seen, known.length)
        near(
          found.auc.auc,
          auc(
            newest.map(({ score }) => Math.fround(score)),
            newest.map(({ label }) => label),
          ),
        )
        assert.equal(metrics.head('share').seen, 0)
      }),
    )
  })

  test('count a row of a weight as so many rows', () => {
    fc.assert(
      fc.property(anyRows, fc.infiniteStream(fc.integer({ min: 1, max: 4 })), (rows, anyWeights) => {
        const [weighted, repeated] = [new ProgressiveMetrics(500), new ProgressiveMetrics(500)]
        for (const { score, label } of rows) {
          const weight = anyWeights.next().value as number
          weighted.add(predictions(score), row(label), 0, weight)
          for (let copy = 0; copy < weight; copy++) repeated.add(predictions(score), row(label), 0, 1)
        }
        const [found, want] = [weighted.head('like'), repeated.head('like')]
        near(found.baseRate, want.baseRate)
        near(found.auc.auc, want.auc.auc)
        near(found.logLoss.mean, want.logLoss.mean, 1e-6)
        const loaded = new ProgressiveMetrics(500)
        loaded.load(weighted.dump())
        assert.deepEqual(loaded.head('like'), found)
      }),
    )
  })

  test('of a quarter of the negatives at four times their weight are those of all, within their standard errors', () => {
    const random = seededRandom(3)
    const [all, sampled, unweighted] = [1, 2, 3].map(() => new ProgressiveMetrics(20_000)) as [
      ProgressiveMetrics,
      ProgressiveMetrics,
      ProgressiveMetrics,
    ]
    for (let index = 0; index < 20_000; index++) {
      const rate = random() * 0.3
      const label = Number(random() < rate)
      const add = (metrics: ProgressiveMetrics, weight: number) => metrics.add(predictions(rate), row(label), 0, weight)
      add(all, 1)
      if (label === 0 && random() >= 0.25) continue
      add(sampled, label === 1 ? 1 : 4)
      add(unweighted, 1)
    }
    const [want, found, wrong] = [all, sampled, unweighted].map((metrics) => metrics.head('like')) as [
      HeadMetrics,
      HeadMetrics,
      HeadMetrics,
    ]
    assert.ok(Math.abs(found.baseRate / want.baseRate - 1) < 0.05, `${found.baseRate}, of all ${want.baseRate}`)
    assert.ok(wrong.baseRate > 2 * want.baseRate)
    assert.ok(Math.abs(found.auc.auc - want.auc.auc) < 2 * found.auc.standardError)
    assert.ok(found.auc.standardError > want.auc.standardError && found.auc.standardError < 2 * want.auc.standardError)
    assert.ok(Math.abs(found.logLoss.mean - want.logLoss.mean) < 2 * found.logLoss.standardError)
    assert.ok(wrong.logLoss.mean > want.logLoss.mean + 10 * found.logLoss.standardError)
  })

  test('continue from a dump, byte for byte', () => {
    const weightOf = (index: number) => (index % 3 === 0 ? 4 : 1)
    const whole = new ProgressiveMetrics(5)
    const continued = new ProgressiveMetrics(5)
    for (let index = 0; index < 13; index++) {
      if (index === 7) continued.load(whole.dump())
      whole.add(predictions(index / 13), row(index % 2), 0, weightOf(index))
      if (index >= 7) continued.add(predictions(index / 13), row(index % 2), 0, weightOf(index))
    }
    assert.deepEqual(continued.dump(), whole.dump())
    assert.throws(() => new ProgressiveMetrics(50).load(whole.dump()), RangeError)
  })
})
