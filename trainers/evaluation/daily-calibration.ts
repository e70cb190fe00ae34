// Whether a head's mean prediction is its rate, day by day: the bound that is allowed, and by how much it was missed.

export interface DayCalibration {
  readonly rows: number
  readonly rate: number
  readonly predicted: number
  /** predicted / rate; NaN without a positive. */
  readonly ratio: number
  /** Within 5 % of the rate, or within two Poisson standard errors of it where that is more. True without rows. */
  readonly within: boolean
}

const shareMax = 0.05
const standardErrorsMax = 2

/** Labels 0 or 1; rows with a NaN are passed over. A day without a positive is allowed the error of one. */
export function dayCalibration(predictions: ArrayLike<number>, labels: ArrayLike<number>): DayCalibration {
  let rows = 0
  let positives = 0
  let sum = 0
  for (let row = 0; row < labels.length; row++) {
    if (Number.isNaN(labels[row]) || Number.isNaN(predictions[row])) continue
    rows++
    positives += labels[row]!
    sum += predictions[row]!
  }
  const rate = positives / rows
  const predicted = sum / rows
  const standardError = Math.sqrt(Math.max(1, positives)) / rows
  return {
    rows,
    rate,
    predicted,
    ratio: positives === 0 ? Number.NaN : sum / positives,
    within: rows === 0 || Math.abs(predicted - rate) <= Math.max(shareMax * rate, standardErrorsMax * standardError),
  }
}
