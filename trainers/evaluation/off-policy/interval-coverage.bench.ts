// How often 95 % intervals of several kinds hold the true value, on bandits from easy to hopeless: the table of docs/off-policy.md.
import { ratioInterval } from './empirical-likelihood.ts'
import { importanceWeights } from './importance-weights.ts'
import { type BanditOptions, SyntheticBandit } from './synthetic-bandit.ts'

type Interval = readonly [number, number] | null
interface World extends Partial<BanditOptions> {
  readonly name: string
  readonly rows: number
}

const logs = 500
const likely = 1.959964
const base = {
  contexts: 5,
  actions: 10,
  rewardMean: 0.2,
  targetGreed: 1.5,
  loggingGreed: 0.5,
  rewards: 'binary',
  seed: 7,
} as const
const worlds: readonly World[] = [
  { name: 'plain', rows: 2_000 },
  { name: 'short log', rows: 200 },
  { name: 'rare reward', rows: 2_000, rewardMean: 0.02 },
  { name: 'log-normal reward', rows: 1_000, rewards: 'skewed', rewardMean: 10 },
  { name: 'heavy weights', rows: 2_000, loggingGreed: 1.5, targetGreed: 2.5 },
  { name: 'heavy, rare', rows: 2_000, loggingGreed: 1.5, targetGreed: 2, rewardMean: 0.02 },
]

/** Normal approximation with the delta method. */
function normal(numerator: Float64Array, denominator: Float64Array): Interval {
  const { value, error } = moments(numerator, denominator)
  return [value - likely * error, value + likely * error]
}

/** Maurer and Pontil 2009, both sides, with the range that the sample showed (the true one is larger still). */
function empiricalBernstein(numerator: Float64Array, denominator: Float64Array): Interval {
  const count = numerator.length
  const { value, error } = moments(numerator, denominator)
  const scale = denominator.reduce((sum, part) => sum + part, 0) / count
  const residuals = numerator.map((part, index) => (part - value * denominator[index]!) / scale)
  const range =
    residuals.reduce((most, part) => Math.max(most, part), 0) -
    residuals.reduce((least, part) => Math.min(least, part), 0)
  const odds = Math.log(4 / 0.05)
  const reach = Math.sqrt(2 * odds) * error + (7 * range * odds) / (3 * (count - 1))
  return [value - reach, value + reach]
}

function moments(numerator: Float64Array, denominator: Float64Array): { value: number; error: number } {
  const count = numerator.length
  const below = denominator.reduce((sum, part) => sum + part, 0)
  const value = numerator.reduce((sum, part) => sum + part, 0) / below
  const squares = numerator.reduce((sum, part, index) => sum + (part - value * denominator[index]!) ** 2, 0)
  return { value, error: Math.sqrt((squares * count) / (count - 1)) / below }
}

const kinds = { likelihood: ratioInterval, normal, empiricalBernstein }
const rows: Record<string, unknown>[] = []
for (const { name, rows: length, ...options } of worlds) {
  const bandit = new SyntheticBandit({ ...base, ...options })
  const held: Record<string, number> = {}
  const widths: Record<string, number> = {}
  let effectiveShare = 0
  for (let seed = 1; seed <= logs; seed++) {
    const log = bandit.log(length, seed)
    const { weights, effectiveSampleSize } = importanceWeights(log)
    effectiveShare += effectiveSampleSize / length / logs
    const earned = log.reward.map((reward, row) => reward * weights[row]!)
    const one = new Float64Array(length).fill(1)
    const corrected = log.reward.map(
      (reward, row) => log.targetPrediction[row]! + weights[row]! * (reward - log.actionPrediction[row]!),
    )
    for (const [estimator, above, below] of [
      ['ips', earned, one],
      ['snips', earned, weights],
      ['dr', corrected, one],
    ] as const) {
      for (const [kind, interval] of Object.entries(kinds)) {
        const key = `${estimator} ${kind}`
        const bounds = interval(above, below)
        if (!bounds) continue
        const isHeld = bounds[0] <= bandit.trueValue && bandit.trueValue <= bounds[1]
        held[key] = (held[key] ?? 0) + Number(isHeld)
        widths[key] = (widths[key] ?? 0) + (bounds[1] - bounds[0]) / bandit.trueValue / logs
      }
    }
  }
  for (const key of Object.keys(held)) {
    const percent = Number(((100 * held[key]!) / logs).toFixed(1))
    rows.push({
      world: name,
      interval: key,
      percent,
      width: Number(widths[key]!.toFixed(2)),
      effectiveShare: Number(effectiveShare.toFixed(3)),
    })
  }
}
process.stdout.write(`${JSON.stringify({ logs, rows })}\n`)
