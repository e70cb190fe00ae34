// Two runs over the same examples: what the second reached less what the first did, head by head, with intervals over users.
// Refused where the examples are not the same, saying which differ.
import { join } from 'node:path'
import { type Head, heads } from '../../../schemas/labels.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { logLoss, pointLogLoss } from '../../../trainers/evaluation/log-loss.ts'
import { pairedDifferences } from '../../../trainers/evaluation/paired-difference.ts'
import { chanceHeads } from '../../../trainers/evaluation/scored-report.ts'
import type { ScoredRows } from '../../../trainers/evaluation/scored-rows.ts'
import { bootstrapOverUsers, type Interval, type UserStatistic } from '../../../trainers/evaluation/user-bootstrap.ts'
import { readPredictionsTable } from './predictions-table.ts'
import { type RunFacts, readRun, runFiles } from './run-folder.ts'

export interface Compared extends Interval {
  readonly base: number
  readonly other: number
  /** other less base. */
  readonly difference: number
  /** better or worse: the 95 % interval of the difference does not hold 0. */
  readonly verdict: 'better' | 'worse' | 'noise'
}

export interface HeadComparison {
  readonly rows: number
  readonly positives: number
  /** Null where a class is missing. */
  readonly auc: Compared | null
  readonly logLoss: Compared
}

export interface Comparison {
  readonly base: RunFacts
  readonly other: RunFacts
  readonly rows: number
  readonly users: number
  readonly resamples: number
  readonly byHead: Readonly<Partial<Record<Head, HeadComparison>>>
}

export interface CompareOptions {
  readonly resamples: number
  readonly seed: number
}

/** Throws usage where a folder holds no finished run, or the scored rows differ. */
export async function compareRuns(base: string, other: string, options: CompareOptions): Promise<Comparison> {
  const [baseFacts, otherFacts] = [finishedRun(base), finishedRun(other)]
  const baseRows = await readPredictionsTable(join(base, runFiles.predictions))
  const otherRows = await readPredictionsTable(join(other, runFiles.predictions))
  const order = matchedRows(base, other, baseRows.exampleIds, otherRows.exampleIds)
  const column = (rows: ScoredRows, head: Head, what: 'predictions' | 'labels') => {
    const values = rows[what](head)
    return rows === baseRows.scored ? order.map((row) => values[row]!) : values
  }
  sameLabels(base, other, otherRows.exampleIds, (head) => [
    column(baseRows.scored, head, 'labels'),
    column(otherRows.scored, head, 'labels'),
  ])
  const { scored } = otherRows
  const users = scored.userNames.names.length
  const basePredictions = new Map(
    chanceHeads.map((head) => [head, Float32Array.from(column(baseRows.scored, head, 'predictions'))] as const),
  )
  const draws = { users, ...options }
  const aucs = pairedDifferences(scored, { plain: basePredictions, frozen: new Map() }, { utcOffsetMs: 0, ...options })
  const losses = lossDifferences(scored, basePredictions, draws)
  const byHead = Object.fromEntries(
    chanceHeads.flatMap((head): [Head, HeadComparison][] => {
      const labels = scored.labels(head).filter((label) => !Number.isNaN(label))
      if (labels.length === 0) return []
      const positives = labels.reduce((sum, label) => sum + label, 0)
      const found = aucs[head]?.auc
      const auc = found && Number.isFinite(found.difference) ? found : null
      return [
        [
          head,
          {
            rows: labels.length,
            positives,
            auc: auc && compared(auc.theirs, auc.ours, auc, 1),
            logLoss: losses.get(head)!,
          },
        ],
      ]
    }),
  )
  return { base: baseFacts, other: otherFacts, rows: scored.length, users, resamples: options.resamples, byHead }
}

function finishedRun(folder: string): RunFacts {
  const facts = readRun(folder)
  if (facts?.finished) return facts
  const reason = facts ? 'its run is not finished: the same freshet train goes on with it' : 'there is no run in it'
  throw new FreshetError('usage', `${folder}: ${reason}`)
}

/** For each row of the other run, where the base run has it. */
function matchedRows(base: string, other: string, baseIds: readonly string[], otherIds: readonly string[]): number[] {
  const placeById = new Map(baseIds.map((id, row) => [id, row]))
  const onlyOther = otherIds.filter((id) => !placeById.has(id))
  const present = new Set(otherIds)
  const onlyBase = baseIds.filter((id) => !present.has(id))
  if (onlyOther.length + onlyBase.length === 0) return otherIds.map((id) => placeById.get(id)!)
  const said = [
    [base, onlyBase],
    [other, onlyOther],
  ] as const
  const words = said
    .filter(([, ids]) => ids.length > 0)
    .map(([folder, ids]) => `${ids.length} only in ${folder} (such as example ${ids[0]})`)
  throw new FreshetError(
    'usage',
    `these runs scored different examples, ${baseIds.length} and ${otherIds.length}: ${words.join(', ')}; train both from the ` +
      'same --from, --to and --score-from',
  )
}

function sameLabels(
  base: string,
  other: string,
  exampleIds: readonly string[],
  labelsOf: (head: Head) => readonly [ArrayLike<number>, ArrayLike<number>],
): void {
  for (const head of heads) {
    const [left, right] = labelsOf(head)
    const differing = exampleIds.filter((_, row) => !Object.is(left[row], right[row]))
    if (differing.length === 0) continue
    throw new FreshetError(
      'usage',
      `${differing.length} examples have another outcome of ${head} in ${base} than in ${other} (such as ${differing[0]}); ` +
        'train both over the same range',
    )
  }
}

function lossDifferences(
  rows: ScoredRows,
  base: ReadonlyMap<Head, Float32Array>,
  draws: { readonly users: number; readonly resamples: number; readonly seed: number },
): Map<Head, Compared> {
  const statistics: Record<string, UserStatistic> = {}
  const means = new Map<Head, readonly [number, number]>()
  for (const head of chanceHeads) {
    const [theirs, ours, labels] = [base.get(head)!, rows.predictions(head), rows.labels(head)]
    const excessByUser = new Float64Array(draws.users)
    const rowsByUser = new Float64Array(draws.users)
    for (const [row, user] of rows.users.entries()) {
      const label = labels[row]!
      if (Number.isNaN(label)) continue
      excessByUser[user]! += pointLogLoss(ours[row]!, label) - pointLogLoss(theirs[row]!, label)
      rowsByUser[user]!++
    }
    means.set(head, [logLoss(theirs, labels).mean, logLoss(ours, labels).mean])
    statistics[head] = (weights) => weighted(excessByUser, weights) / weighted(rowsByUser, weights)
  }
  const intervals = bootstrapOverUsers(statistics, draws)
  return new Map([...means].map(([head, [theirs, ours]]) => [head, compared(theirs, ours, intervals[head]!, -1)]))
}

function weighted(values: Float64Array, weights: Float64Array): number {
  let sum = 0
  for (let user = 0; user < values.length; user++) sum += values[user]! * weights[user]!
  return sum
}

/** `sign` 1: more is better. */
function compared(base: number, other: number, { low, high }: Interval, sign: 1 | -1): Compared {
  const rises = low > 0
  const falls = high < 0
  const verdict = rises || falls ? (rises === (sign === 1) ? 'better' : 'worse') : 'noise'
  return { base, other, difference: other - base, low, high, verdict }
}
