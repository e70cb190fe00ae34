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
 * O(n log n). A row of weight w stands for w like it; without weights each stands for itself. The standard error is DeLong, DeLong
 * and Clarke-Pearson 1988, from midranks as in Sun and Xu 2014: the variance of each positive's share of negatives below it, and
 * of each negative's share of positives above it; of weighted rows by linearisation (Binder 1983), as they were drawn.
 */
export function aucEstimate(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number> | null = null,
): AucEstimate {
  const known = Array.from({ length: scores.length }, (_, index) => index).filter(
    (index) => !Number.isNaN(labels[index]),
  )
  const positive = ascending(
    known.filter((index) => labels[index] === 1),
    scores,
    weights,
  )
  const negative = ascending(
    known.filter((index) => labels[index] !== 1),
    scores,
    weights,
  )
  const counts = { positives: positive.scores.length, negatives: negative.scores.length }
  if (!(positive.total > 0 && negative.total > 0)) return { auc: Number.NaN, standardError: Number.NaN, ...counts }
  const ofPositives = sharesBelow(positive, negative)
  const ofNegatives = sharesBelow(negative, positive).map((share) => 1 - share)
  const variance = meanVariance(ofPositives, positive) + meanVariance(ofNegatives, negative)
  return { auc: meanOf(ofPositives, positive), standardError: Math.sqrt(variance), ...counts }
}

/** Rows of one class, by score. */
interface ScoredClass {
  readonly scores: Float64Array
  readonly weights: Float64Array
  readonly total: number
}

function ascending(rows: readonly number[], scores: ArrayLike<number>, weights: ArrayLike<number> | null): ScoredClass {
  if (weights === null) {
    // Plain numbers sort several times faster than rows by their numbers.
    const sorted = Float64Array.from(rows, (row) => scores[row]!).sort()
    return { scores: sorted, weights: new Float64Array(rows.length).fill(1), total: rows.length }
  }
  const order = [...rows].sort((left, right) => scores[left]! - scores[right]!)
  const own = Float64Array.from(order, (row) => weights[row]!)
  return {
    scores: Float64Array.from(order, (row) => scores[row]!),
    weights: own,
    total: own.reduce((sum, weight) => sum + weight, 0),
  }
}

/** Interval that holds the true value in 95 of 100 draws, by the normal approximation, within [0, 1]. */
export function aucInterval({ auc: value, standardError }: AucEstimate): readonly [number, number] {
  const reach = 1.959964 * standardError
  return [Math.max(0, value - reach), Math.min(1, value + reach)]
}

/** For each of `own` the share of `others` below it, equal ones counted as half. */
function sharesBelow(own: ScoredClass, others: ScoredClass): Float64Array {
  const { scores, weights, total } = others
  let [nextBelow, below, nextUpTo, upTo] = [0, 0, 0, 0]
  return own.scores.map((score) => {
    while (nextBelow < scores.length && scores[nextBelow]! < score) below += weights[nextBelow++]!
    while (nextUpTo < scores.length && scores[nextUpTo]! <= score) upTo += weights[nextUpTo++]!
    return (below + upTo) / 2 / total
  })
}

function meanOf(values: Float64Array, { weights, total }: ScoredClass): number {
  return values.reduce((sum, value, index) => sum + weights[index]! * value, 0) / total
}

/** Of the mean, unbiased. */
function meanVariance(values: Float64Array, own: ScoredClass): number {
  const mean = meanOf(values, own)
  const squares = values.reduce((sum, value, index) => sum + (own.weights[index]! * (value - mean)) ** 2, 0)
  return ((squares / (values.length - 1)) * values.length) / own.total ** 2
}
