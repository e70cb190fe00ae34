// How much more often the target policy would have drawn what was drawn: the weights, what clipping takes from them, and whether
// they can be right.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { isMeanOffZero } from './empirical-likelihood.ts'
import type { LoggedDecisions } from './logged-decisions.ts'

export interface ImportanceWeights {
  /** w_i = pi(a_i | x_i) / mu(a_i | x_i), cut at `weightMax`. */
  readonly weights: Float64Array
  /** Mean before clipping: 1 in expectation where the log covers the target, else the share of the target's mass it covers. */
  readonly meanWeight: number
  readonly meanWeightStandardError: number
  /** Kish's effective sample size (sum w)^2 / sum w^2, after clipping: so many rows of the target's own log tell as much. */
  readonly effectiveSampleSize: number
  readonly weightMax: number
  /** Rows cut. */
  readonly clipped: number
  /**
   * Share of the target's mass that no longer counts: 1 less the mean of the cut weights, 0 where none was cut. With rewards from 0
   * to R the clipped IPS is too low by up to R times this, in expectation (Ionides 2008; Bottou et al. 2013, section 4.3).
   */
  readonly clippedMass: number
}

/** Mean weights are refused from here on: a right one is as far off by chance about once in 16,000 logs. */
const alarmingZ = 4
/** Fewer rows say too little of the large weights that are rare: of honest logs of 5 rows two in a hundred would be refused, of
 *  30 rows one in a thousand, from 50 on one in ten thousand. */
const rowsToAlarm = 50
/** Propensities are often written with six digits. */
const roundingMax = 1e-5

/** O(n). `weightMax` at least 1; Infinity clips nothing. Decisions must be usable (`requireUsable`). */
export function importanceWeights(decisions: LoggedDecisions, weightMax = Number.POSITIVE_INFINITY): ImportanceWeights {
  if (!(weightMax >= 1)) {
    throw new FreshetError('usage', `weights cut at ${weightMax} favour no action over another: clip at 1 or above`)
  }
  const rows = decisions.reward.length
  const weights = new Float64Array(rows)
  let sum = 0
  let sumOfSquares = 0
  let clippedSum = 0
  let clippedSumOfSquares = 0
  let clipped = 0
  for (let row = 0; row < rows; row++) {
    const weight = decisions.targetPropensity[row]! / decisions.loggingPropensity[row]!
    const kept = Math.min(weight, weightMax)
    weights[row] = kept
    sum += weight
    sumOfSquares += weight * weight
    clippedSum += kept
    clippedSumOfSquares += kept * kept
    clipped += Number(weight > weightMax)
  }
  const meanWeight = sum / rows
  return {
    weights,
    meanWeight,
    meanWeightStandardError: Math.sqrt(Math.max(0, sumOfSquares / rows - meanWeight ** 2) / (rows - 1)),
    effectiveSampleSize: clippedSumOfSquares === 0 ? 0 : clippedSum ** 2 / clippedSumOfSquares,
    weightMax,
    clipped,
    clippedMass: clipped === 0 ? 0 : Math.max(0, 1 - clippedSum / rows),
  }
}

/**
 * Throws usage where the weights' mean is too far from 1 to be chance: below, the target wants actions that the logging policy
 * never takes (the message says what share), or none at all; above, the propensities are not those with which was drawn.
 * Few rows are never too far.
 * `uncoveredShare` is what the caller knows to be missing and accepts.
 */
export function requireSupport(decisions: LoggedDecisions, uncoveredShare = 0): void {
  const { meanWeight, meanWeightStandardError: error } = importanceWeights(decisions)
  if (meanWeight === 0) {
    throw new FreshetError(
      'usage',
      'the target draws nothing of what was logged: 100 % of its mass is not covered; log a policy that also tries it',
    )
  }
  const due = meanWeight < 1 ? 1 - uncoveredShare - roundingMax : 1 + roundingMax
  if (meanWeight < 1 ? meanWeight >= due : meanWeight <= due) return
  const { targetPropensity, loggingPropensity } = decisions
  if (targetPropensity.length < rowsToAlarm) return
  const excess = targetPropensity.map((target, row) => target / loggingPropensity[row]! - due)
  if (!isMeanOffZero(excess, alarmingZ)) return
  const measured = `the weights' mean is ${meanWeight.toFixed(4)} +- ${error.toFixed(4)} where 1 is due`
  if (meanWeight > 1) {
    const remedy = 'give the chance with which each row was really drawn, among the same actions as the target'
    throw new FreshetError(
      'usage',
      `${measured}: the logging propensities are too small or the target's too large; ${remedy}`,
    )
  }
  const share = `about ${(100 * (1 - meanWeight)).toFixed(1)} % of the target's mass is not covered by the log`
  const remedy = 'log a policy that also takes those actions, or choose a target within what was logged'
  throw new FreshetError('usage', `${measured}: ${share}; ${remedy}`, { details: { uncoveredShare: 1 - meanWeight } })
}
