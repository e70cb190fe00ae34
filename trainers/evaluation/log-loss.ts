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

/** Labels 0 or 1; NaN labels are passed over. A row of weight w stands for w like it; without weights each stands for itself. The
 *  standard error is by linearisation (Binder 1983), of the rows as they were drawn. */
export function logLoss(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number> | null = null,
): MeanEstimate {
  const losses: number[] = []
  const own: number[] = []
  let [total, mean] = [0, 0]
  for (let index = 0; index < labels.length; index++) {
    if (Number.isNaN(labels[index])) continue
    const loss = pointLogLoss(probabilities[index]!, labels[index]!)
    const weight = weights === null ? 1 : weights[index]!
    losses.push(loss)
    own.push(weight)
    if (weight === 0) continue
    // West 1979: no cancellation between large sums.
    total += weight
    mean += ((loss - mean) * weight) / total
  }
  const count = losses.length
  if (total === 0) return { mean: Number.NaN, standardError: Number.NaN, count }
  const squares = losses.reduce((sum, loss, index) => sum + (own[index]! * (loss - mean)) ** 2, 0)
  return { mean, standardError: Math.sqrt((squares / (count - 1)) * count) / total, count }
}
