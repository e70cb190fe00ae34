// How well learners predicted before they learned, looked at seldom: an exact AUC sorts its whole window, and that time is
// learning's.
import type { Clock } from '../../streams/runtime/runtime.ts'
import type { ProgressiveMetrics } from '../../trainers/evaluation/progressive-metrics.ts'
import { chanceHeads } from './paired-outcomes.ts'
import type { LearningQuality } from './running-role.ts'

const everyMs = 4_000

export interface Learner {
  readonly model: string
  /** Of the first trainer where there are several: each sees a random share of the users. */
  metrics(): ProgressiveMetrics | null
  examplesTrained(): number
}

export function learningQuality(clock: Clock, learner: Learner): () => LearningQuality {
  const measured = seldom<Pick<LearningQuality, 'auc' | 'logLoss'>>(clock, { auc: {}, logLoss: {} }, () => {
    const newest = learner.metrics()
    if (newest === null) return null
    const byHead = chanceHeads.map((head) => [head, newest.head(head)] as const)
    return {
      auc: Object.fromEntries(byHead.map(([head, { auc }]) => [head, auc.auc])),
      logLoss: Object.fromEntries(byHead.map(([head, { logLoss }]) => [head, logLoss.mean])),
    }
  })
  return () => ({ model: learner.model, examplesTrained: learner.examplesTrained(), ...measured() })
}

/** What was measured last, anew only after a while; null: there is nothing to measure yet. */
export function seldom<Measured>(clock: Clock, before: Measured, measure: () => Measured | null): () => Measured {
  let newest = before
  let measuredMs = Number.NEGATIVE_INFINITY
  return () => {
    const nowMs = clock.monotonicMs()
    if (nowMs - measuredMs < everyMs) return newest
    const found = measure()
    if (found === null) return newest
    measuredMs = nowMs
    newest = found
    return newest
  }
}
