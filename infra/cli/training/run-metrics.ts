// Everything that is said in numbers of a run: by head, by day, for segments, over time, with what each feature is worth. A
// function of the journal: equal runs give equal bytes.
import { type Calibration, calibration } from '../../../trainers/evaluation/calibration.ts'
import { type ByHead, byHead, type ScoredReport, scoredReport } from '../../../trainers/evaluation/scored-report.ts'
import { type FeatureImportance, featureImportance } from './feature-importance.ts'
import { type CurvePoint, learningCurve } from './learning-curve.ts'
import type { RunRows } from './run-rows.ts'

export interface RunMetrics extends ScoredReport {
  readonly calibrationBins: ByHead<Calibration>
  readonly curve: readonly CurvePoint[]
  readonly importance: FeatureImportance | null
}

export interface MetricsOptions {
  readonly utcOffsetMs: number
  readonly seed: number
}

/** Draws of users for each interval. */
export const resamples = 200
const bins = 15

export function runMetrics({ scored, permuted }: RunRows, { utcOffsetMs, seed }: MetricsOptions): RunMetrics {
  return {
    ...scoredReport(scored, { utcOffsetMs, resamples, seed }),
    calibrationBins: byHead((head) => calibration(scored.predictions(head), scored.labels(head), bins)),
    curve: learningCurve(scored),
    importance: featureImportance(permuted, { resamples, seed }),
  }
}
