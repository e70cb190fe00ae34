// Whether predicted probabilities are the rates that come true: by bins of equal size, and as one expected error.

export interface CalibrationBin {
  readonly count: number
  readonly predicted: number
  readonly observed: number
}

export interface Calibration {
  /** Ascending by prediction. */
  readonly bins: readonly CalibrationBin[]
  /** Mean distance between predicted and observed, weighted by the bins' counts; NaN where nothing was counted. */
  readonly expectedError: number
  /** Sum of predictions over sum of labels; NaN without a positive. */
  readonly ratio: number
}

/** Labels 0 or 1; NaN labels are passed over. Equal predictions may fall into neighbouring bins. */
export function calibration(probabilities: ArrayLike<number>, labels: ArrayLike<number>, binCount = 10): Calibration {
  const order = Array.from({ length: labels.length }, (_, index) => index)
    .filter((index) => !Number.isNaN(labels[index]))
    .sort((left, right) => probabilities[left]! - probabilities[right]! || left - right)
  const bins: CalibrationBin[] = []
  for (let bin = 0; bin < binCount; bin++) {
    const from = Math.floor((bin * order.length) / binCount)
    const to = Math.floor(((bin + 1) * order.length) / binCount)
    const members = order.slice(from, to)
    if (members.length > 0) bins.push(binOf(members, probabilities, labels))
  }
  const error = bins.reduce((sum, bin) => sum + bin.count * Math.abs(bin.predicted - bin.observed), 0)
  const predicted = bins.reduce((sum, bin) => sum + bin.count * bin.predicted, 0)
  const observed = bins.reduce((sum, bin) => sum + bin.count * bin.observed, 0)
  return {
    bins,
    expectedError: order.length === 0 ? Number.NaN : error / order.length,
    ratio: observed === 0 ? Number.NaN : predicted / observed,
  }
}

function binOf(
  members: readonly number[],
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): CalibrationBin {
  const mean = (values: ArrayLike<number>) => members.reduce((sum, index) => sum + values[index]!, 0) / members.length
  return { count: members.length, predicted: mean(probabilities), observed: mean(labels) }
}
