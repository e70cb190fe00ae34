// A bandit whose true values are known: contexts, actions, two softmax policies, rewards drawn from a seed. For tests and measurements.
import { seededRandom } from '../../../streams/runtime/simulated-runtime.ts'
import type { PredictedDecisions } from './logged-decisions.ts'

export interface BanditOptions {
  readonly contexts: number
  readonly actions: number
  /** Mean reward of the average action. */
  readonly rewardMean: number
  /** How far the target leans towards the better actions; 0 draws uniformly. */
  readonly targetGreed: number
  /** How far the logging policy leans, and towards actions of its own liking: that is where weights get heavy. */
  readonly loggingGreed: number
  /** binary: 0 or 1; skewed: log-normal, as watch times are. */
  readonly rewards: 'binary' | 'skewed'
  readonly seed: number
}

export class SyntheticBandit {
  readonly trueValue: number
  private readonly options: BanditOptions
  private readonly means: number[][]
  private readonly logging: number[][]
  private readonly target: number[][]
  /** Predicted rewards, wrong by a factor of their own: a model is never right. */
  private readonly model: number[][]

  constructor(options: BanditOptions) {
    this.options = options
    const random = seededRandom(options.seed)
    const grid = (value: () => number): number[][] =>
      Array.from({ length: options.contexts }, () => Array.from({ length: options.actions }, value))
    this.means = grid(() => options.rewardMean * Math.exp(gaussian(random) * 0.6 - 0.18))
    const liking = grid(() => gaussian(random))
    this.logging = liking.map((row) => softmax(row.map((value) => options.loggingGreed * value)))
    this.target = this.means.map((row) =>
      softmax(row.map((mean) => (options.targetGreed * Math.log(mean / options.rewardMean)) / 0.6)),
    )
    this.model = this.means.map((row) => row.map((mean) => mean * (0.6 + 0.8 * random())))
    this.trueValue =
      this.means.reduce((sum, row, context) => sum + weighted(row, this.target[context]!), 0) / options.contexts
  }

  /** n independent decisions of the logging policy. */
  log(rows: number, seed: number): PredictedDecisions {
    const random = seededRandom(seed)
    const column = (): Float64Array => new Float64Array(rows)
    const log = {
      reward: column(),
      loggingPropensity: column(),
      targetPropensity: column(),
      actionPrediction: column(),
      targetPrediction: column(),
    }
    for (let row = 0; row < rows; row++) {
      const context = Math.floor(random() * this.options.contexts)
      const logging = this.logging[context]!
      const action = drawn(logging, random())
      log.reward[row] = this.reward(this.means[context]![action]!, random)
      log.loggingPropensity[row] = logging[action]!
      log.targetPropensity[row] = this.target[context]![action]!
      log.actionPrediction[row] = this.model[context]![action]!
      log.targetPrediction[row] = weighted(this.model[context]!, this.target[context]!)
    }
    return log
  }

  private reward(mean: number, random: () => number): number {
    if (this.options.rewards === 'binary') return Number(random() < mean)
    return mean * Math.exp(gaussian(random) - 0.5)
  }
}

function drawn(shares: readonly number[], draw: number): number {
  let left = draw
  for (let action = 0; action < shares.length - 1; action++) {
    left -= shares[action]!
    if (left < 0) return action
  }
  return shares.length - 1
}

function softmax(scores: readonly number[]): number[] {
  const powers = scores.map(Math.exp)
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

function weighted(values: readonly number[], shares: readonly number[]): number {
  return values.reduce((sum, value, index) => sum + value * shares[index]!, 0)
}

/** Box and Muller 1958. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
