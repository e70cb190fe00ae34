// AUC within groups and over weighted users, concordance, ranks with ties and intervals, against their definitions.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../streams/runtime/simulated-runtime.ts'
import { auc } from './auc.ts'
import { concordance } from './concordance.ts'
import { dayCalibration } from './daily-calibration.ts'
import { expectedNdcg, expectedRecall, placeOf } from './expected-rank.ts'
import { GroupedScores } from './grouped-scores.ts'
import { RankedScores } from './ranked-scores.ts'
import { bootstrapOverUsers, everyone } from './user-bootstrap.ts'

const near = (found: number, want: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(found - want) <= tolerance || (Number.isNaN(found) && Number.isNaN(want)), `${found}, not ${want}`)

const userCount = 4
const anyRows = fc.array(
  fc.record({
    user: fc.integer({ min: 0, max: userCount - 1 }),
    day: fc.integer({ min: 0, max: 1 }),
    score: fc.constantFrom(0, 0.25, 0.5, 0.75, 1, Number.NaN),
    label: fc.constantFrom(0, 1, 0, 1, Number.NaN),
  }),
  { maxLength: 40 },
)
type Row = typeof anyRows extends fc.Arbitrary<(infer R)[]> ? R : never

const isKnown = ({ score, label }: Row) => !Number.isNaN(score + label)
const aucOf = (rows: readonly Row[]) =>
  auc(
    rows.map(({ score }) => score),
    rows.map(({ label }) => label),
  )
const columns = (rows: readonly Row[]) => ({
  users: rows.map(({ user }) => user),
  groups: rows.map(({ user, day }) => 2 * user + day),
  scores: rows.map(({ score }) => score),
  labels: rows.map(({ label }) => label),
})

describe('AUC over weighted users', () => {
  test('is the AUC of the sample in which each user is there so often', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: userCount, maxLength: userCount })
    fc.assert(
      fc.property(anyRows, weights, (rows, weightByUser) => {
        const { users, scores, labels } = columns(rows)
        const repeated = rows
          .filter(isKnown)
          .flatMap((row) => Array.from({ length: weightByUser[row.user]! }, () => row))
        near(new RankedScores(users, scores, labels).auc(weightByUser), aucOf(repeated))
      }),
    )
  })
})

describe('AUC within groups', () => {
  test('is the mean over groups with both labels, weighted by their rows', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const { users, groups, scores, labels } = columns(rows)
        const counted = [...new Set(groups)]
          .map((group) => rows.filter((row, index) => groups[index] === group && isKnown(row)))
          .filter((members) => [0, 1].every((label) => members.some((row) => row.label === label)))
        const total = counted.reduce((sum, members) => sum + members.length, 0)
        const want = counted.reduce((sum, members) => sum + members.length * aucOf(members), 0) / total
        const found = new GroupedScores(users, userCount, groups, scores, labels)
        near(found.auc(everyone(userCount)), want)
        assert.equal(found.groups, counted.length)
        assert.equal(found.rows, total)
      }),
    )
  })

  test('does not move when a whole group is scored higher', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const { users, groups, scores, labels } = columns(rows)
        const value = (shifted: readonly number[]) =>
          new GroupedScores(users, userCount, groups, shifted, labels).auc(everyone(userCount))
        const shifted = scores.map((score, index) => score + 10 * groups[index]!)
        near(value(shifted), value(scores))
      }),
    )
  })

  test('of a running mean over i.i.d. labels is far below a half, and a half when the mean is frozen', () => {
    const random = seededRandom(1)
    const rows = Array.from({ length: 4_000 }, (_, user) => {
      const rate = random()
      let sum = 0
      return Array.from({ length: 5 }, (_, before) => {
        const label = random() < rate ? 1 : 0
        const score = (sum + 5) / (before + 10)
        sum += label
        return { user, score, label }
      })
    }).flat()
    const within = (scores: readonly number[]) => {
      const users = rows.map(({ user }) => user)
      const labels = rows.map(({ label }) => label)
      return new GroupedScores(users, 4_000, users, scores, labels).auc(everyone(4_000))
    }
    const running = within(rows.map(({ score }) => score))
    assert.ok(running < 0.25, `${running}`)
    near(within(rows.map(() => 0.5)), 0.5)
    // Whatever else the score holds, once the running part stands still.
    near(within(rows.map(() => random())), 0.5, 0.02)
  })
})

describe('concordance', () => {
  test('is the share of pairs with different values in the right order, ties as half', () => {
    const pairs = fc.array(fc.tuple(fc.constantFrom(1, 2, 3, 4, Number.NaN), fc.constantFrom(0, 1, 2)), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(pairs, (rows) => {
        let count = 0
        let agreeing = 0
        for (const [value, prediction] of rows) {
          for (const [otherValue, otherPrediction] of rows) {
            if (!(value > otherValue)) continue
            count++
            agreeing += prediction > otherPrediction ? 1 : prediction === otherPrediction ? 0.5 : 0
          }
        }
        const found = concordance(
          rows.map(([value]) => value),
          rows.map(([, prediction]) => prediction),
        )
        near(found, count === 0 ? Number.NaN : agreeing / count)
      }),
    )
  })
})

describe('a place among equal scores', () => {
  test('counts the mean over every order of the equals', () => {
    const scores = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(scores, fc.nat({ max: 11 }), fc.integer({ min: 1, max: 8 }), (all, at, k) => {
        const wanted = at % all.length
        const above = all.filter((score) => score > all[wanted]!).length
        const equal = all.filter((score) => score === all[wanted]).length
        const places = Array.from({ length: equal }, (_, index) => above + index)
        const place = placeOf(all, all.length, wanted)
        const mean = (value: (place: number) => number) =>
          places.reduce((sum, each) => sum + value(each), 0) / places.length
        near(
          expectedRecall(place, k),
          mean((each) => (each < k ? 1 : 0)),
        )
        near(
          expectedNdcg(place, k),
          mean((each) => (each < k ? 1 / Math.log2(2 + each) : 0)),
        )
      }),
    )
  })
})

describe('calibration of a day', () => {
  test('allows 5 % of the rate or two Poisson standard errors', () => {
    const labels = (positives: number, rows: number) =>
      Array.from({ length: rows }, (_, row) => Number(row < positives))
    const within = (predicted: number, positives: number, rows: number) =>
      dayCalibration(new Array(rows).fill(predicted), labels(positives, rows)).within
    assert.equal(within(0.315, 3_000, 10_000), false)
    assert.equal(within(0.313, 3_000, 10_000), true)
    // Two standard errors of 25 events are 10.
    assert.equal(within(0.0034, 25, 10_000), true)
    assert.equal(within(0.0036, 25, 10_000), false)
    assert.equal(within(0.0001, 0, 10_000), true)
    assert.ok(Number.isNaN(dayCalibration([0.1], [0]).ratio))
    assert.equal(dayCalibration([0.1], [Number.NaN]).within, true)
  })
})

describe('intervals over users', () => {
  const meanOf = (values: readonly number[]) => (weights: Float64Array) =>
    values.reduce((sum, value, user) => sum + weights[user]! * value, 0) / values.length

  test('hold the true mean in about 95 of 100 samples', () => {
    const random = seededRandom(7)
    let held = 0
    for (let sample = 0; sample < 200; sample++) {
      const values = Array.from({ length: 60 }, () => random() + random())
      const { mean } = bootstrapOverUsers({ mean: meanOf(values) }, { users: 60, resamples: 200, seed: sample })
      if (mean.low <= 1 && 1 <= mean.high) held++
    }
    assert.ok(held >= 178 && held <= 199, `${held} of 200`)
  })

  test('are the same for the same seed, and those of a difference narrower where the two agree', () => {
    const random = seededRandom(3)
    const one = Array.from({ length: 100 }, () => random())
    const other = one.map((value) => value + 0.01 * random())
    const draw = () =>
      bootstrapOverUsers(
        { one: meanOf(one), ahead: (weights) => meanOf(other)(weights) - meanOf(one)(weights) },
        { users: 100, resamples: 200, seed: 5 },
      )
    assert.deepEqual(draw(), draw())
    const { one: single, ahead } = draw()
    assert.ok(ahead.high - ahead.low < (single.high - single.low) / 10)
    assert.ok(ahead.low > 0)
  })
})
