// Two models' predictions of the same rows: the difference of what each reached, with intervals over users. Pairing takes
// out what both find hard, so a difference far smaller than either interval can be told from noise.
import type { Head } from '../../schemas/labels.ts'
import { GroupedScores } from './grouped-scores.ts'
import { RankedScores } from './ranked-scores.ts'
import { chanceHeads, type ReportOptions } from './scored-report.ts'
import type { ScoredRows } from './scored-rows.ts'
import { bootstrapOverUsers, everyone, type Interval, type UserStatistic } from './user-bootstrap.ts'

/** Another model's predictions, row by row as in the ScoredRows; NaN where it has none. */
export interface OtherPredictions {
  readonly plain: ReadonlyMap<Head, Float32Array>
  /** With the user's side as of the start of the day. */
  readonly frozen: ReadonlyMap<Head, Float32Array>
}

/** Ours less theirs, over the rows that both predicted. */
export interface Difference extends Interval {
  readonly rows: number
  readonly ours: number
  readonly theirs: number
  readonly difference: number
}

export interface HeadDifference {
  readonly auc: Difference
  /** Null where one of the two has no frozen predictions. */
  readonly aucWithinUserDay: Difference | null
}

interface Pair {
  readonly rows: number
  readonly ours: UserStatistic
  readonly theirs: UserStatistic
}

export function pairedDifferences(
  rows: ScoredRows,
  other: OtherPredictions,
  { utcOffsetMs, resamples, seed }: ReportOptions,
): Partial<Record<Head, HeadDifference>> {
  const users = rows.userNames.names.length
  const days = rows.userDays(utcOffsetMs)
  const pairs = new Map<string, Pair>()
  for (const head of chanceHeads) {
    const labels = rows.labels(head)
    const plain = other.plain.get(head)
    if (plain) pairs.set(`auc ${head}`, pairOf(rows.predictions(head), plain, labels, rankedBy(rows.users)))
    const frozen = other.frozen.get(head)
    if (!(frozen && rows.hasFrozen)) continue
    pairs.set(`within ${head}`, pairOf(rows.frozen(head), frozen, labels, groupedBy(rows.users, users, days)))
  }
  const statistics: Record<string, UserStatistic> = {}
  for (const [name, { ours, theirs }] of pairs) statistics[name] = (weights) => ours(weights) - theirs(weights)
  const intervals = bootstrapOverUsers(statistics, { users, resamples, seed })
  const differenceOf = (name: string): Difference | null => {
    const pair = pairs.get(name)
    if (!pair) return null
    const [ours, theirs] = [pair.ours(everyone(users)), pair.theirs(everyone(users))]
    return { rows: pair.rows, ours, theirs, difference: ours - theirs, ...intervals[name]! }
  }
  const found: Partial<Record<Head, HeadDifference>> = {}
  for (const head of chanceHeads) {
    const auc = differenceOf(`auc ${head}`)
    if (auc) found[head] = { auc, aucWithinUserDay: differenceOf(`within ${head}`) }
  }
  return found
}

type Scored = (scores: Float32Array, labels: Float32Array) => UserStatistic

function rankedBy(users: ArrayLike<number>): Scored {
  return (scores, labels) => {
    const ranked = new RankedScores(users, scores, labels)
    return (weights) => ranked.auc(weights)
  }
}

function groupedBy(users: ArrayLike<number>, userCount: number, groups: ArrayLike<number>): Scored {
  return (scores, labels) => {
    const grouped = new GroupedScores(users, userCount, groups, scores, labels)
    return (weights) => grouped.auc(weights)
  }
}

/** Both over the rows that both have. */
function pairOf(ours: Float32Array, theirs: Float32Array, labels: Float32Array, scored: Scored): Pair {
  const both = labels.map((label, row) => (Number.isNaN(ours[row]! + theirs[row]!) ? Number.NaN : label))
  const rows = both.reduce((count, label) => count + (Number.isNaN(label) ? 0 : 1), 0)
  return { rows, ours: scored(ours, both), theirs: scored(theirs, both) }
}
