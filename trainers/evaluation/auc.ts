// Area under the ROC curve, exact, ties counted as half, with DeLong's standard error.

export interface AucEstimate {
  /** NaN where one of the classes is missing. */
  readonly auc: number
  /** NaN where a class has fewer than two. */
  readonly standardError: number
  readonly positives: number
  readonly negatives: number
}

/** Chance that a positive scores above a negative, ties counted as half. Labels 0 or 1; NaN labels are passed over. */
export function auc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  return aucEstimate(scores, labels).auc
}

/**
 * O(n log n). The standard error is DeLong, DeLong and Clarke-Pearson 1988, from midranks as in Sun and Xu 2014: the
 * variance of each positive's share of negatives below it, and of each negative's share of positives above it.
 */
export function aucEstimate(scores: ArrayLike<number>, labels: ArrayLike<number>): AucEstimate {
  const known = Array.from({ length: scores.length }, (_, index) => index).filter(
    (index) => !Number.isNaN(labels[index]),
  )
  const positive = Float64Array.from(
    known.filter((index) => labels[index] === 1),
    (index) => scores[index]!,
  )
  const negative = Float64Array.from(
    known.filter((index) => labels[index] !== 1),
    (index) => scores[index]!,
  )
  const counts = { positives: positive.length, negatives: negative.length }
  if (positive.length === 0 || negative.length === 0) return { auc: Number.NaN, standardError: Number.NaN, ...counts }
  positive.sort()
  negative.sort()
  const ofPositives = sharesBelow(positive, negative)
  const ofNegatives = sharesBelow(negative, positive).map((share) => 1 - share)
  const variance = varianceOf(ofPositives) / positive.length + varianceOf(ofNegatives) / negative.length
  return { auc: meanOf(ofPositives), standardError: Math.sqrt(variance), ...counts }
}

/** Interval that holds the true value in 95 of 100 draws, by the normal approximation, within [0, 1]. */
export function aucInterval({ auc: value, standardError }: AucEstimate): readonly [number, number] {
  const reach = 1.959964 * standardError
  return [Math.max(0, value - reach), Math.min(1, value + reach)]
}

/** Both ascending. For each of `own` the share of `others` below it, equal ones counted as half. */
function sharesBelow(own: Float64Array, others: Float64Array): Float64Array {
  let below = 0
  let upTo = 0
  return own.map((score) => {
    while (below < others.length && others[below]! < score) below++
    while (upTo < others.length && others[upTo]! <= score) upTo++
    return (below + upTo) / 2 / others.length
  })
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Unbiased. */
function varianceOf(values: Float64Array): number {
  const mean = meanOf(values)
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
}
