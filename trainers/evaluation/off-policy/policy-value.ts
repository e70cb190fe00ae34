// What a policy would have earned, from the log of another: inverse propensity, self-normalised, direct and doubly robust, each
// with what its interval covers.
import { carriers, ratioInterval } from './empirical-likelihood.ts'
import { type ImportanceWeights, importanceWeights, requireSupport } from './importance-weights.ts'
import { type LoggedDecisions, requirePredictions, requireUsable } from './logged-decisions.ts'

export interface ValueEstimate {
  /** Mean reward of a decision under the target policy. */
  readonly value: number
  /** Holds the true value in 95 of 100 logs, apart from `biasMax`. Null where nothing measured tells how far it may be. */
  readonly interval: readonly [number, number] | null
  /** So many rows (clusters) carry the variance; with fewer than about ten the interval covers less than it says. */
  readonly carriers: number
  /** What clipping and uncovered actions may have moved the value by, either way, with rewards as far apart as in this log. */
  readonly biasMax: number
}

export interface PolicyValue extends Omit<ImportanceWeights, 'weights'> {
  readonly rows: number
  readonly clusters: number
  /** Mean reward of the log itself: what the logging policy earned. */
  readonly loggedMean: number
  readonly ips: ValueEstimate
  readonly selfNormalised: ValueEstimate
  /** Both null without predictions. */
  readonly direct: ValueEstimate | null
  readonly doublyRobust: ValueEstimate | null
}

export interface PolicyValueOptions {
  /** Larger weights are cut to this: less variance for a bias of at most `biasMax`. Infinity, the default, cuts none. */
  readonly weightMax?: number
  /** Share of the target's mass known to be outside the log (`coverageOf`); it enters `biasMax`. */
  readonly uncoveredShare?: number
}

/**
 * All estimates over the same rows. Throws usage where a number cannot be (`requireUsable`) or the weights cannot be right
 * (`requireSupport`).
 */
export function policyValue(decisions: LoggedDecisions, options: PolicyValueOptions = {}): PolicyValue {
  requireUsable(decisions)
  const { weights, ...ofWeights } = importanceWeights(decisions, options.weightMax)
  // Cut weights fall short of 1 by what is not covered as well.
  const lostMass = Math.max(ofWeights.clippedMass, options.uncoveredShare ?? 0)
  requireSupport(decisions, options.uncoveredShare)
  const isPredicted = decisions.actionPrediction !== undefined || decisions.targetPrediction !== undefined
  const groups = clusterIndex(decisions)
  return {
    rows: decisions.reward.length,
    clusters: groups?.count ?? decisions.reward.length,
    ...ofWeights,
    loggedMean: decisions.reward.reduce((sum, reward) => sum + reward, 0) / decisions.reward.length,
    ips: inversePropensity(decisions, weights, lostMass, groups),
    selfNormalised: selfNormalised(decisions, weights, lostMass, groups),
    direct: isPredicted ? direct(decisions) : null,
    doublyRobust: isPredicted ? doublyRobust(decisions, weights, lostMass, groups) : null,
  }
}

/** mean(w r): Horvitz and Thompson 1952. Unbiased where propensities are right; moves with the mean weight. */
function inversePropensity(
  { reward }: LoggedDecisions,
  weights: Float64Array,
  lostMass: number,
  groups: ClusterIndex | null,
): ValueEstimate {
  const earned = reward.map((value, row) => weights[row]! * value)
  const most = reward.reduce((far, value) => Math.max(far, Math.abs(value)), 0)
  return ratioEstimate(earned, ones(reward.length), lostMass * most, groups)
}

/** sum(w r) / sum(w): Hajek's; Swaminathan and Joachims 2015. Biased by O(1/n), but adding a constant to rewards adds it here. */
function selfNormalised(
  { reward }: LoggedDecisions,
  weights: Float64Array,
  lostMass: number,
  groups: ClusterIndex | null,
): ValueEstimate {
  const earned = reward.map((value, row) => weights[row]! * value)
  return ratioEstimate(earned, weights, lostMass * rangeOf(reward), groups)
}

/** mean of the predicted reward of the target policy. Its error is the model's, which the log's scatter does not show: no interval. */
function direct(decisions: LoggedDecisions): ValueEstimate {
  requirePredictions(decisions)
  const { targetPrediction } = decisions
  const value = targetPrediction.reduce((sum, predicted) => sum + predicted, 0) / targetPrediction.length
  return { value, interval: null, carriers: Number.NaN, biasMax: Number.NaN }
}

/** mean(targetPrediction + w (r - actionPrediction)): Dudik, Langford and Li 2011; Dudik et al. 2014. Unbiased where the propensities
 *  or the predictions are right; less scatter than IPS as far as the predictions are good. */
function doublyRobust(
  decisions: LoggedDecisions,
  weights: Float64Array,
  lostMass: number,
  groups: ClusterIndex | null,
): ValueEstimate {
  requirePredictions(decisions)
  const surprise = decisions.reward.map((reward, row) => reward - decisions.actionPrediction[row]!)
  const corrected = surprise.map((value, row) => decisions.targetPrediction[row]! + weights[row]! * value)
  const most = surprise.reduce((far, value) => Math.max(far, Math.abs(value)), 0)
  return ratioEstimate(corrected, ones(surprise.length), lostMass * most, groups)
}

function ratioEstimate(
  numerator: Float64Array,
  denominator: Float64Array,
  biasMax: number,
  groups: ClusterIndex | null,
): ValueEstimate {
  const above = groups ? sumsByCluster(numerator, groups) : numerator
  const below = groups ? sumsByCluster(denominator, groups) : denominator
  const value = sumOf(above) / sumOf(below)
  const residuals = above.map((sum, index) => sum - value * below[index]!)
  const interval = ratioInterval(above, below)
  return { value, interval, carriers: interval === null ? 0 : carriers(residuals), biasMax }
}

interface ClusterIndex {
  readonly count: number
  /** From 0 to count - 1, by row. */
  readonly ofRow: Int32Array
}

function clusterIndex({ cluster }: LoggedDecisions): ClusterIndex | null {
  if (!cluster) return null
  const indexByCluster = new Map<number, number>()
  const ofRow = cluster.map((name) => {
    const known = indexByCluster.get(name) ?? indexByCluster.size
    indexByCluster.set(name, known)
    return known
  })
  return { count: indexByCluster.size, ofRow }
}

function sumsByCluster(column: Float64Array, { count, ofRow }: ClusterIndex): Float64Array {
  const sums = new Float64Array(count)
  for (let row = 0; row < column.length; row++) sums[ofRow[row]!]! += column[row]!
  return sums
}

const ones = (length: number): Float64Array => new Float64Array(length).fill(1)
const sumOf = (column: Float64Array): number => column.reduce((sum, value) => sum + value, 0)

function rangeOf(column: Float64Array): number {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const value of column) {
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  return most - least
}
