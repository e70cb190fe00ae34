// What the heads are trained on: the loss and its gradient at the logits, summed over the batch and divided by the square root
// of its size (a sum would make the step grow with the batch, a mean starve the rows of a small one).
import { headIndex, heads } from '../../schemas/labels.ts'

/** Labels of a batch, rows x heads, NaN where unknown. `before`: what was already learned of the row, NaN where nothing. */
export interface BatchLabels {
  readonly after: Float32Array
  readonly before: Float32Array
  /** One per row. */
  readonly weights: Float32Array
  /** Rows that the batch counts as where it is divided by their square root; its own without. */
  readonly size?: number
}

/**
 * Writes the gradient at the logits (rows x heads) into `out`: of the loss at `after`, less that at `before`, so that a
 * correction takes back what the earlier label taught. Unknown labels give none. Returns the loss at `after` less that at
 * `before`. Sigmoid cross entropy; half the squared error on log1p(seconds) for watchTime.
 */
export function headLoss(logits: Float32Array, labels: BatchLabels, out: Float32Array): number {
  const rowCount = labels.weights.length
  const scale = 1 / Math.sqrt(Math.max(1, labels.size ?? rowCount))
  let loss = 0
  for (let rowIndex = 0; rowIndex < rowCount; rowIndex++) {
    const weight = labels.weights[rowIndex]! * scale
    for (let head = 0; head < heads.length; head++) {
      const index = rowIndex * heads.length + head
      const after = labels.after[index]!
      const before = labels.before[index]!
      out[index] = 0
      if (after === before) continue
      const logit = logits[index]!
      const regression = head === headIndex.watchTime
      const prediction = regression ? logit : 1 / (1 + Math.exp(-logit))
      let gradient = 0
      if (!Number.isNaN(after)) {
        gradient += prediction - after
        loss += weight * pointLoss(logit, after, regression)
      }
      if (!Number.isNaN(before)) {
        gradient -= prediction - before
        loss -= weight * pointLoss(logit, before, regression)
      }
      out[index] = weight * gradient
    }
  }
  return loss
}

function pointLoss(logit: number, label: number, regression: boolean): number {
  if (regression) return 0.5 * (logit - label) ** 2
  return Math.max(logit, 0) - logit * label + Math.log1p(Math.exp(-Math.abs(logit)))
}
