// Columns of every count row: how many outcomes, how many with a known watch ratio, and the sum of each label.
import { headIndex, heads } from '../../schemas/labels.ts'

export const countColumns = ['outcomes', 'ratioOutcomes', ...heads] as const
export type CountColumn = (typeof countColumns)[number]

export const countColumnIndex: Readonly<Record<CountColumn, number>> = Object.fromEntries(
  countColumns.map((column, index) => [column, index]),
) as Record<CountColumn, number>

export const countDimension = countColumns.length

/** totals: running sums, for ever. trends and recent: sums that halve every so often, in event time. */
export const countTables = ['totals', 'trends', 'recent'] as const
export type CountTable = (typeof countTables)[number]

export const trendHalfLifeMs = 6 * 3_600_000
export const recentHalfLifeMs = 3 * 86_400_000
const halfLifeMsOf: Readonly<Record<CountTable, number>> = {
  totals: Number.POSITIVE_INFINITY,
  trends: trendHalfLifeMs,
  recent: recentHalfLifeMs,
}

/** What is left after `elapsedMs` of a row of the table; 1 where no time has passed. */
export function countDecay(table: CountTable, elapsedMs: number): number {
  return 2 ** (-Math.max(0, elapsedMs) / halfLifeMsOf[table])
}

/** Adds so many outcomes of these labels to the columns of `out`; negative: takes them back. Unknown labels add nothing; where
 *  all are unknown, there is no outcome. */
export function addOutcomeColumns(labels: Float32Array, outcomes: number, out: Float32Array): void {
  if (labels.every((label) => Number.isNaN(label))) return
  out[0] = out[0]! + outcomes
  if (!Number.isNaN(labels[headIndex.longView]!)) out[1] = out[1]! + outcomes
  for (let head = 0; head < heads.length; head++) {
    const label = labels[head]!
    if (!Number.isNaN(label)) out[2 + head] = out[2 + head]! + outcomes * label
  }
}
