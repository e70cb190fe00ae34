// How well learners predicted before they learned, looked at seldom: an exact AUC sorts its whole window, and that time is
// learning's.
import { heads } from '../../schemas/labels.ts'
import type { Clock } from '../../streams/runtime/runtime.ts'
import type { ProgressiveMetrics } from '../../trainers/evaluation/progressive-metrics.ts'
import type { LearningQuality } from './running-role.ts'

const everyMs = 4_000
const probabilityHeads = heads.filter((head) => head !== 'watchTime')

/** Of the first learner where there are several: each sees a random share of the users. */
export function learningQuality(
  clock: Clock,
  metrics: () => ProgressiveMetrics | null,
  examplesTrained: () => number,
): () => LearningQuality {
  let measured: Pick<LearningQuality, 'auc' | 'logLoss'> = { auc: {}, logLoss: {} }
  let measuredMs = Number.NEGATIVE_INFINITY
  return () => {
    const nowMs = clock.monotonicMs()
    const newest = metrics()
    if (newest && nowMs - measuredMs >= everyMs) {
      measuredMs = nowMs
      const byHead = probabilityHeads.map((head) => [head, newest.head(head)] as const)
      measured = {
        auc: Object.fromEntries(byHead.map(([head, { auc }]) => [head, auc.auc])),
        logLoss: Object.fromEntries(byHead.map(([head, { logLoss }]) => [head, logLoss.mean])),
      }
    }
    return { examplesTrained: examplesTrained(), ...measured }
  }
}
