// What staleness costs: AUC and log loss of weights of each age, and how far they are behind the freshest on the same rows, with
// intervals over users.
import type { Head } from '../../schemas/labels.ts'
import { pointLogLoss } from '../../trainers/evaluation/log-loss.ts'
import { RankedScores } from '../../trainers/evaluation/ranked-scores.ts'
import {
  bootstrapOverUsers,
  everyone,
  type Interval,
  type UserStatistic,
} from '../../trainers/evaluation/user-bootstrap.ts'
import { judgedHeads, type StalenessArm } from './staleness-model.ts'
import type { StalenessScores } from './staleness-walk.ts'

export interface StalenessFigure {
  readonly value: number
  /** Less that of the freshest weights; null for these themselves. */
  readonly difference: (Interval & { readonly mean: number }) | null
}

export interface StalenessResult {
  readonly stalenessMs: number
  readonly countsFrozen: boolean
  readonly head: Head
  readonly segment: Segment
  readonly rows: number
  readonly auc: StalenessFigure
  readonly logLoss: StalenessFigure
}

export type Segment = 'all' | 'seenWithinTenMinutes'

export interface StalenessReportOptions {
  /** Earlier impressions were learned and are not judged. */
  readonly judgedFromMs: number
  readonly resamples: number
  readonly seed: number
}

const tenMinutesMs = 600_000

export function stalenessReport(scores: StalenessScores, options: StalenessReportOptions): StalenessResult[] {
  return (['all', 'seenWithinTenMinutes'] as const).flatMap((segment) =>
    judgedHeads.flatMap((head) => resultsOf(scores, segment, head, options)),
  )
}

interface ArmStatistics {
  readonly arm: StalenessArm
  readonly auc: UserStatistic
  readonly logLoss: UserStatistic
}

function resultsOf(
  scores: StalenessScores,
  segment: Segment,
  head: Head,
  { judgedFromMs, resamples, seed }: StalenessReportOptions,
): StalenessResult[] {
  const { arms, userCount } = scores
  const users = scores.users.subarray(0, scores.rows)
  const labels = scores.labels.get(head)!.slice(0, scores.rows)
  for (let row = 0; row < labels.length; row++) {
    const isIn = segment === 'all' || scores.sinceUserSeenMs[row]! <= tenMinutesMs
    if (!isIn || scores.timesMs[row]! < judgedFromMs) labels[row] = Number.NaN
  }
  const judged = arms.map((arm): ArmStatistics => {
    const predictions = arm.predictions.get(head)!
    const ranked = new RankedScores(users, predictions, labels)
    return { arm, auc: (weights) => ranked.auc(weights), logLoss: meanLoss(users, userCount, predictions, labels) }
  })
  const [freshest] = judged
  const statistics: Record<string, UserStatistic> = {}
  for (const [index, own] of judged.entries()) {
    statistics[`auc ${index}`] = (weights) => own.auc(weights) - freshest!.auc(weights)
    statistics[`logLoss ${index}`] = (weights) => own.logLoss(weights) - freshest!.logLoss(weights)
  }
  const intervals = bootstrapOverUsers(statistics, { users: userCount, resamples, seed })
  const all = everyone(userCount)
  const rows = labels.reduce((count, label) => count + (Number.isNaN(label) ? 0 : 1), 0)
  const figure = (name: 'auc' | 'logLoss', index: number): StalenessFigure => {
    const value = judged[index]![name](all)
    if (index === 0) return { value, difference: null }
    return { value, difference: { mean: value - freshest![name](all), ...intervals[`${name} ${index}`]! } }
  }
  return judged.map(({ arm: { stalenessMs, countsFrozen } }, index) => {
    const found = { auc: figure('auc', index), logLoss: figure('logLoss', index) }
    return { stalenessMs, countsFrozen, head, segment, rows, ...found }
  })
}

/** Mean log loss of rows that weigh what their user weighs; O(users) a sample. */
function meanLoss(
  users: ArrayLike<number>,
  userCount: number,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): UserStatistic {
  const sums = new Float64Array(userCount)
  const counts = new Float64Array(userCount)
  for (let row = 0; row < labels.length; row++) {
    const user = users[row]!
    if (Number.isNaN(labels[row])) continue
    sums[user] = sums[user]! + pointLogLoss(predictions[row]!, labels[row]!)
    counts[user] = counts[user]! + 1
  }
  return (weights) => {
    let [sum, count] = [0, 0]
    for (let user = 0; user < userCount; user++) {
      sum += weights[user]! * sums[user]!
      count += weights[user]! * counts[user]!
    }
    return sum / count
  }
}
