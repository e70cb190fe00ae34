// Columns of every count row: how many outcomes, how many with a known watch ratio, and the sum of each label.
import { headIndex, heads } from '../../schemas/labels.ts'

export const countColumns = ['outcomes', 'ratioOutcomes', ...heads] as const
export type CountColumn = (typeof countColumns)[number]

export const countColumnIndex: Readonly<Record<CountColumn, number>> = Object.fromEntries(
  countColumns.map((column, index) => [column, index]),
) as Record<CountColumn, number>

export const countDimension = countColumns.length
export const trendHalfLifeMs = 6 * 3_600_000

/** Adds `sign` times one outcome's columns to `out`. Unknown labels add nothing. */
export function addOutcomeColumns(labels: Float32Array, sign: 1 | -1, out: Float32Array): void {
  out[0] = out[0]! + sign
  if (!Number.isNaN(labels[headIndex.longView]!)) out[1] = out[1]! + sign
  for (let head = 0; head < heads.length; head++) {
    const label = labels[head]!
    if (!Number.isNaN(label)) out[2 + head] = out[2 + head]! + sign * label
  }
}
