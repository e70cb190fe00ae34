// Ours beside each reference on the same rows, and whether we are below the better of them.
import type { Head } from '../../schemas/labels.ts'
import {
  type Difference,
  type HeadDifference,
  type OtherPredictions,
  pairedDifferences,
} from '../../trainers/evaluation/paired-difference.ts'
import type { ReportOptions } from '../../trainers/evaluation/scored-report.ts'
import type { ScoredRows } from '../../trainers/evaluation/scored-rows.ts'

export interface ReferenceOutcome {
  readonly predictions: OtherPredictions
  /** Scored rows that it predicted, too. */
  readonly matched: number
  readonly cpuSeconds: number
}

export interface AgainstReference {
  readonly matched: number
  readonly cpuSeconds: number
  readonly difference: Partial<Record<Head, HeadDifference>>
}

/** The reference that reached more, and ours less it. */
export interface AgainstBest extends Difference {
  readonly reference: string
  /** AUC: the lower bound is above -.002. Within user x day: the difference is not negative. */
  readonly holds: boolean
  /** Whether ours is below it beyond what another sample of users would explain. */
  readonly clearlyBelow: boolean
}

export interface HeadVerdict {
  readonly auc: AgainstBest
  readonly aucWithinUserDay: AgainstBest | null
}

export interface QualityReport {
  readonly references: Readonly<Record<string, AgainstReference>>
  readonly against: Partial<Record<Head, HeadVerdict>>
}

/** How far below the better reference the lower bound of the difference in AUC may be. */
export const aucMargin = 0.002

const judgedHeads: readonly Head[] = ['longView', 'like']

export function qualityReport(
  rows: ScoredRows,
  outcomes: Readonly<Record<string, ReferenceOutcome>>,
  options: ReportOptions,
): QualityReport {
  const references = Object.fromEntries(
    Object.entries(outcomes).map(([name, { predictions, matched, cpuSeconds }]) => {
      return [name, { matched, cpuSeconds, difference: pairedDifferences(rows, predictions, options) }]
    }),
  )
  const against: Partial<Record<Head, HeadVerdict>> = {}
  for (const head of judgedHeads) {
    const auc = againstBest(
      references,
      (found) => found[head]?.auc,
      ({ low }) => low > -aucMargin,
    )
    const within = againstBest(
      references,
      (found) => found[head]?.aucWithinUserDay,
      ({ difference }) => difference >= 0,
    )
    if (auc) against[head] = { auc, aucWithinUserDay: within }
  }
  return { references, against }
}

function againstBest(
  references: Readonly<Record<string, AgainstReference>>,
  differenceIn: (found: AgainstReference['difference']) => Difference | null | undefined,
  holds: (difference: Difference) => boolean,
): AgainstBest | null {
  const known = Object.entries(references).flatMap(([reference, { difference }]) => {
    const found = differenceIn(difference)
    return found ? [{ reference, ...found, holds: holds(found), clearlyBelow: found.high < 0 }] : []
  })
  return known.reduce<AgainstBest | null>((best, one) => (best && best.theirs >= one.theirs ? best : one), null)
}
