// How well a run predicted as it went: windows of as many rows each, in the order in which they were learned, and everything
// up to the end of each.
import type { Head } from '../../../schemas/labels.ts'
import { aucEstimate } from '../../../trainers/evaluation/auc.ts'
import { logLoss } from '../../../trainers/evaluation/log-loss.ts'
import { type ByHead, byHead } from '../../../trainers/evaluation/scored-report.ts'
import type { ScoredRows } from '../../../trainers/evaluation/scored-rows.ts'

export interface CurvePoint {
  /** Rows up to the end of the window. */
  readonly rows: number
  /** Impression time of its last row. */
  readonly timeMs: number
  /** Of the window; NaN where too few outcomes are in it to tell, as below. */
  readonly auc: ByHead<number>
  readonly logLoss: ByHead<number>
  readonly aucSoFar: ByHead<number>
  readonly logLossSoFar: ByHead<number>
}

const windowsMax = 40
const windowRowsMin = 250
/** Of either kind: an AUC of fewer is mostly chance. */
const outcomesMin = 20

export function learningCurve(rows: ScoredRows): CurvePoint[] {
  const windowRows = Math.max(windowRowsMin, Math.ceil(rows.length / windowsMax))
  const columns = byHead((head) => ({ predictions: rows.predictions(head), labels: rows.labels(head) }))
  const points: CurvePoint[] = []
  for (let from = 0; from < rows.length; from += windowRows) {
    const to = Math.min(rows.length, from + windowRows)
    if (to - from < windowRows / 2 && points.length > 0) break
    const over = (start: number, measure: (predictions: Float32Array, labels: Float32Array) => number) =>
      byHead((head: Head) => {
        const { predictions, labels } = columns[head]
        return measure(predictions.subarray(start, to), labels.subarray(start, to))
      })
    const loss = (predictions: Float32Array, labels: Float32Array) => logLoss(predictions, labels).mean
    points.push({
      rows: to,
      timeMs: rows.timesMs[to - 1]!,
      auc: over(from, tellingAuc),
      logLoss: over(from, loss),
      aucSoFar: over(0, tellingAuc),
      logLossSoFar: over(0, loss),
    })
  }
  return points
}

function tellingAuc(predictions: Float32Array, labels: Float32Array): number {
  const { auc, positives, negatives } = aucEstimate(predictions, labels)
  return Math.min(positives, negatives) < outcomesMin ? Number.NaN : auc
}
