// Mean log loss of probabilities with its standard error.

/** Probabilities are kept this far from 0 and 1, so that one sure mistake does not make the mean infinite. */
const probabilityMin = 1e-7

export interface MeanEstimate {
  /** NaN where nothing was counted. */
  readonly mean: number
  readonly standardError: number
  readonly count: number
}

/** Natural logarithm. Probabilities are clipped to [1e-7, 1 - 1e-7]. */
export function pointLogLoss(probability: number, label: number): number {
  const clipped = Math.min(1 - probabilityMin, Math.max(probabilityMin, probability))
  return label === 1 ? -Math.log(clipped) : -Math.log1p(-clipped)
}

/** Labels 0 or 1; NaN labels are passed over. */
export function logLoss(probabilities: ArrayLike<number>, labels: ArrayLike<number>): MeanEstimate {
  let count = 0
  let mean = 0
  let squares = 0
  for (let index = 0; index < labels.length; index++) {
    if (Number.isNaN(labels[index])) continue
    const loss = pointLogLoss(probabilities[index]!, labels[index]!)
    count++
    // Welford 1962: no cancellation between large sums.
    const step = loss - mean
    mean += step / count
    squares += step * (loss - mean)
  }
  if (count === 0) return { mean: Number.NaN, standardError: Number.NaN, count }
  return { mean, standardError: Math.sqrt(squares / (count - 1) / count), count }
}
