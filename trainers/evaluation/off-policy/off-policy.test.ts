// Each estimate equals its formula, moves as it must when the log is moved, refuses what cannot be, and its intervals hold the truth
// of a bandit that is known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cellPredictions } from './cell-reward-model.ts'
import { carriers, ratioInterval, studentQuantile } from './empirical-likelihood.ts'
import type { LoggedDecisions, PredictedDecisions } from './logged-decisions.ts'
import {
  countedPolicy,
  coverageOf,
  givenPolicy,
  requireCoverage,
  targetPropensities,
  uniformPolicy,
} from './policy-table.ts'
import { policyValue, type ValueEstimate } from './policy-value.ts'
import { SyntheticBandit } from './synthetic-bandit.ts'

const bandit = new SyntheticBandit({
  contexts: 5,
  actions: 10,
  rewardMean: 0.2,
  targetGreed: 1.5,
  loggingGreed: 0.5,
  rewards: 'binary',
  seed: 7,
})
const estimators = ['ips', 'selfNormalised', 'doublyRobust'] as const
const close = (actual: number, expected: number, precision = 1e-9): void =>
  assert.ok(Math.abs(actual - expected) <= precision * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`)

test('each estimate is its formula, row by row', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 400 }),
      fc.integer(),
      fc.double({ min: 1, max: 8, noNaN: true }),
      (rows, seed, weightMax) => {
        const log = bandit.log(rows, seed)
        const value = policyValue(log, { weightMax })
        let weighted = 0
        let weights = 0
        let corrected = 0
        let predicted = 0
        let squares = 0
        for (let row = 0; row < rows; row++) {
          const weight = Math.min(weightMax, log.targetPropensity[row]! / log.loggingPropensity[row]!)
          weighted += weight * log.reward[row]!
          weights += weight
          squares += weight ** 2
          predicted += log.targetPrediction[row]!
          corrected += log.targetPrediction[row]! + weight * (log.reward[row]! - log.actionPrediction[row]!)
        }
        close(value.ips.value, weighted / rows)
        close(value.selfNormalised.value, weighted / weights)
        close(value.direct!.value, predicted / rows)
        close(value.doublyRobust!.value, corrected / rows)
        close(value.effectiveSampleSize, weights ** 2 / squares)
      },
    ),
    // Always the same logs: one in ten thousand honest ones is refused for its weights.
    { numRuns: 100, seed: 7 },
  )
})

test('a policy on its own log earned what was logged, with every row counting in full', () => {
  const log = bandit.log(500, 1)
  const value = policyValue({ ...log, targetPropensity: log.loggingPropensity })
  close(value.effectiveSampleSize, 500)
  for (const estimate of [value.ips, value.selfNormalised]) close(estimate.value, value.loggedMean)
  assert.deepEqual(value.ips.interval, value.selfNormalised.interval)
})

test('a constant on every reward moves the self-normalised estimate and its interval by as much; a factor scales all', () => {
  const log = bandit.log(600, 2)
  const plain = policyValue(log)
  const moved = policyValue({ ...log, reward: log.reward.map((reward) => reward + 7) })
  close(moved.selfNormalised.value, plain.selfNormalised.value + 7)
  for (const side of [0, 1])
    close(moved.selfNormalised.interval![side]!, plain.selfNormalised.interval![side]! + 7, 1e-4)
  const scaled = policyValue({ ...log, reward: log.reward.map((reward) => reward * 1_000) })
  for (const name of ['ips', 'selfNormalised'] as const) {
    for (const side of [0, 1]) close(scaled[name].interval![side]! / 1_000, plain[name].interval![side]!, 1e-6)
  }
})

test('without a model doubly robust is IPS; with one that is never wrong it is the direct estimate', () => {
  const log = bandit.log(300, 3)
  const nothing = new Float64Array(300)
  const blind = policyValue({ ...log, actionPrediction: nothing, targetPrediction: nothing })
  assert.deepEqual(blind.doublyRobust, blind.ips)
  const right = policyValue({ ...log, reward: log.actionPrediction })
  close(right.doublyRobust!.value, right.direct!.value)
})

test('rows that repeat within their cluster tell nothing more; clusters of one are rows', () => {
  const log = bandit.log(400, 4)
  const alone = policyValue({ ...log, cluster: Int32Array.from({ length: 400 }, (_, row) => 7 * row) })
  const { clusters, ...same } = policyValue(log)
  assert.deepEqual(alone, { ...same, clusters })
  const cluster = Int32Array.from({ length: 800 }, (_, row) => row % 400)
  const doubled = policyValue({ ...twice(log), cluster })
  for (const name of estimators) {
    for (const side of [0, 1]) close(doubled[name]!.interval![side]!, alone[name]!.interval![side]!, 1e-6)
  }
})

test('of rewards 0 and 1 without weights the interval is that of the binomial likelihood ratio', () => {
  const rows = 200
  const positives = 30
  const reward = Float64Array.from({ length: rows }, (_, row) => Number(row < positives))
  const [low, high] = ratioInterval(reward, new Float64Array(rows).fill(1))!
  const rate = positives / rows
  const threshold = studentQuantile(2 * carriers(reward.map((value) => value - rate))) ** 2
  for (const bound of [low, high]) {
    const ratio = positives * Math.log(rate / bound) + (rows - positives) * Math.log((1 - rate) / (1 - bound))
    close(2 * ratio, threshold, 1e-3)
  }
})

test("Student's quantile agrees with the tables", () => {
  for (const [degrees, quantile] of [
    [4, 2.7764],
    [10, 2.2281],
    [30, 2.0423],
    [200, 1.9719],
  ] as const) {
    close(studentQuantile(degrees), quantile, 3e-3)
  }
})

test('rewards that never differ have no interval', () => {
  const log = bandit.log(50, 5)
  assert.equal(policyValue({ ...log, reward: new Float64Array(50) }).ips.interval, null)
})

test('clipping is biased by no more than it says', () => {
  const log = bandit.log(40_000, 6)
  const { ips, selfNormalised, doublyRobust, clipped } = policyValue(log, { weightMax: 1.5 })
  assert.ok(clipped > 0)
  for (const { value, biasMax } of [ips, selfNormalised, doublyRobust!]) {
    assert.ok(Math.abs(value - bandit.trueValue) > 0.001, 'it is biased')
    assert.ok(Math.abs(value - bandit.trueValue) < biasMax)
  }
})

test('95 % intervals hold the true value in 90 to 98 of 100 logs: 500 logs of each kind', () => {
  for (const [rows, rewardMean, loggingGreed] of [
    [400, 0.2, 0.5],
    [400, 0.2, 1.2],
    [1_200, 0.04, 0.5],
  ] as const) {
    const world = new SyntheticBandit({ ...banditLike, rewardMean, loggingGreed })
    const held = { ips: 0, selfNormalised: 0, doublyRobust: 0 }
    for (let seed = 1; seed <= 500; seed++) {
      const value = policyValue(world.log(rows, seed))
      for (const name of estimators) held[name] += Number(holds(value[name]!, world.trueValue))
    }
    for (const name of estimators) {
      assert.ok(held[name] >= 450 && held[name] <= 490, `${name} ${rewardMean} ${loggingGreed}: ${held[name]} of 500`)
    }
  }
})

test('refused: propensities that cannot be, unequal columns, one prediction without the other', () => {
  const log = bandit.log(20, 8)
  const withLogging = (value: number): LoggedDecisions => ({
    ...log,
    loggingPropensity: log.loggingPropensity.with(3, value),
  })
  assert.throws(() => policyValue(withLogging(0)), /row 3: logging propensity 0 \(1 such rows of 20\).*log the chance/)
  assert.throws(() => policyValue(withLogging(-0.1)), /row 3: logging propensity -0.1/)
  assert.throws(() => policyValue(withLogging(Number.NaN)), /row 3: logging propensity NaN/)
  assert.throws(() => policyValue(withLogging(1.2)), /row 3: logging propensity 1.2/)
  assert.throws(() => policyValue({ ...log, targetPropensity: new Float64Array(20).fill(2) }), /target propensity 2/)
  assert.throws(() => policyValue({ ...log, reward: new Float64Array(19) }), /has 20 rows, reward 19/)
  assert.throws(() => policyValue({ ...log, reward: log.reward.with(4, Number.NaN) }), /row 4: NaN is no number/)
  const { targetPrediction: _, ...half } = log
  assert.throws(() => policyValue(half), /give both columns/)
  assert.throws(() => policyValue(log, { weightMax: 0.5 }), /clip at 1 or above/)
})

test('refused: a target outside the log, with the share that is not covered', () => {
  const log = bandit.log(4_000, 9)
  const halved = { ...log, targetPropensity: log.loggingPropensity.map((propensity) => propensity / 2) }
  assert.throws(() => policyValue(halved), /about 50.0 % of the target's mass is not covered/)
  assert.throws(() => policyValue({ ...log, targetPropensity: new Float64Array(4_000) }), /100 % of its mass/)
  const tooSmall = log.loggingPropensity.map((propensity) => propensity / 3)
  assert.throws(() => policyValue({ ...log, loggingPropensity: tooSmall }), /propensities are too small/)
})

test('policy tables: uniform, counted, given; and what of them a log covers', () => {
  const drawn = { context: ['top', 'top', 'top', 'end'], action: ['a', 'a', 'b', 'a'] }
  assert.deepEqual([...targetPropensities(uniformPolicy(drawn), drawn)], [0.5, 0.5, 0.5, 0.5])
  const counted = countedPolicy(drawn)
  assert.deepEqual([...targetPropensities(counted, drawn)], [2 / 3, 2 / 3, 1 / 3, 1])
  assert.equal(coverageOf(counted, drawn).uncoveredShare, 0)
  const coverage = coverageOf(uniformPolicy(drawn), drawn)
  assert.equal(coverage.uncoveredShare, 0.125)
  assert.throws(
    () => requireCoverage(coverage, 0.01),
    /12.50 % of the target's mass is not covered: the log never shows b in end/,
  )
  const cells = { context: ['top', 'top'], action: ['a', 'b'] }
  assert.throws(() => givenPolicy(cells, Float64Array.of(0.5, 0.4)), /context top add up to 0.9/)
  assert.throws(() => givenPolicy(cells, Float64Array.of(1.5, -0.5)), /probability 1.5/)
  const given = givenPolicy(cells, Float64Array.of(0.25, 0.75))
  assert.throws(() => targetPropensities(given, drawn), /says nothing of context end/)
})

test('the cell model never learns from the row it predicts, and tends to the cells', () => {
  const rows = 5_000
  const drawn = {
    context: Array.from({ length: rows }, () => ''),
    action: Array.from({ length: rows }, (_, row) => String(row % 2)),
  }
  const reward = Float64Array.from({ length: rows }, (_, row) => row % 2)
  const target = uniformPolicy(drawn)
  const before = cellPredictions(drawn, reward, target)
  close(before.actionPrediction[1]!, 1, 0.01)
  close(before.targetPrediction[1]!, 0.5, 0.01)
  const after = cellPredictions(drawn, reward.with(1, 1_000), target)
  assert.equal(after.actionPrediction[1], before.actionPrediction[1])
  assert.notEqual(after.actionPrediction[3], before.actionPrediction[3])
})

const banditLike = { contexts: 5, actions: 10, targetGreed: 1.5, rewards: 'binary', seed: 7 } as const

function holds({ interval }: ValueEstimate, value: number): boolean {
  return interval !== null && interval[0] <= value && value <= interval[1]
}

function twice(log: PredictedDecisions): PredictedDecisions {
  const both = (column: Float64Array): Float64Array => Float64Array.of(...column, ...column)
  return {
    reward: both(log.reward),
    loggingPropensity: both(log.loggingPropensity),
    targetPropensity: both(log.targetPropensity),
    actionPrediction: both(log.actionPrediction),
    targetPrediction: both(log.targetPrediction),
  } as PredictedDecisions
}
