// How good predictions were that were made before the model learned their labels: AUC and log loss per head over a window
// of the newest outcomes, each counted as often as its weight says: negatives that were sampled stand for those left out.
// Bounded, and part of a trainer's state.
import { headIndex, heads } from '../../schemas/labels.ts'
import { type AucEstimate, aucEstimate } from './auc.ts'
import { logLoss, type MeanEstimate } from './log-loss.ts'

export interface HeadMetrics {
  /** Outcomes with a known label since the start; the window holds the newest of them. */
  readonly seen: number
  /** Share of positives in the window, by weight. */
  readonly baseRate: number
  readonly auc: AucEstimate
  readonly logLoss: MeanEstimate
}

export interface WatchTimeMetrics {
  readonly seen: number
  /** Mean absolute error, seconds. */
  readonly errorSeconds: number
}

export const metricsWindowDefault = 16_384

export class ProgressiveMetrics {
  readonly #windows: readonly MetricWindow[]

  constructor(windowSize = metricsWindowDefault) {
    this.#windows = heads.map(() => new MetricWindow(windowSize))
  }

  /** One row: predictions as a scorer gives them, labels and weight as an example holds them (watchTime: log1p seconds). */
  add(predictions: Float32Array, labels: Float32Array, rowIndex: number, weight: number): void {
    for (let head = 0; head < heads.length; head++) {
      const label = labels[head]!
      if (!Number.isNaN(label)) this.#windows[head]!.add(predictions[rowIndex * heads.length + head]!, label, weight)
    }
  }

  head(name: Exclude<(typeof heads)[number], 'watchTime'>): HeadMetrics {
    const window = this.#windows[headIndex[name]]!
    const { scores, labels, weights } = window.columns()
    return {
      seen: window.seen,
      baseRate: weightedMean(labels, weights),
      auc: aucEstimate(scores, labels, weights),
      logLoss: logLoss(scores, labels, weights),
    }
  }

  watchTime(): WatchTimeMetrics {
    const window = this.#windows[headIndex.watchTime]!
    const { scores, labels, weights } = window.columns()
    const errors = scores.map((seconds, index) => Math.abs(seconds - Math.expm1(labels[index]!)))
    return { seen: window.seen, errorSeconds: weightedMean(errors, weights) }
  }

  dump(): Uint8Array {
    const parts = this.#windows.map((window) => window.dump())
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
    let byteOffset = 0
    for (const part of parts) {
      out.set(part, byteOffset)
      byteOffset += part.byteLength
    }
    return out
  }

  /** Throws RangeError on a dump of another length. */
  load(bytes: Uint8Array): void {
    const whole = bytes.slice()
    let byteOffset = 0
    for (const window of this.#windows) byteOffset = window.load(whole, byteOffset)
    if (byteOffset !== whole.byteLength)
      throw new RangeError(`metrics of ${whole.byteLength} bytes, read ${byteOffset}`)
  }
}

/** NaN of nothing. */
function weightedMean(values: Float32Array, weights: Float32Array | null): number {
  const weightAt = (index: number): number => (weights === null ? 1 : weights[index]!)
  const sum = values.reduce((all, value, index) => all + weightAt(index) * value, 0)
  return sum / values.reduce((all, _, index) => all + weightAt(index), 0)
}

interface WindowColumns {
  readonly scores: Float32Array
  readonly labels: Float32Array
  /** Null where every weight is 1. */
  readonly weights: Float32Array | null
}

/** A ring of the newest scores, labels and weights. */
class MetricWindow {
  readonly #size: number
  readonly #scores: Float32Array
  readonly #labels: Float32Array
  readonly #weights: Float32Array
  #seen = 0

  constructor(size: number) {
    this.#size = size
    this.#scores = new Float32Array(size)
    this.#labels = new Float32Array(size)
    this.#weights = new Float32Array(size)
  }

  get seen(): number {
    return this.#seen
  }

  add(score: number, label: number, weight: number): void {
    const place = this.#seen % this.#size
    this.#scores[place] = score
    this.#labels[place] = label
    this.#weights[place] = weight
    this.#seen++
  }

  columns(): WindowColumns {
    const held = Math.min(this.#seen, this.#size)
    const weights = this.#weights.subarray(0, held)
    return {
      scores: this.#scores.subarray(0, held),
      labels: this.#labels.subarray(0, held),
      weights: weights.every((weight) => weight === 1) ? null : weights,
    }
  }

  /** f64 seen, then f32 scores and labels of the places in use. Where a weight is not 1, f64 -seen, and f32 weights at the end. */
  dump(): Uint8Array {
    const { scores, labels, weights } = this.columns()
    const columns = weights === null ? [scores, labels] : [scores, labels, weights]
    const out = new Uint8Array(8 + columns.length * scores.byteLength)
    new Float64Array(out.buffer, 0, 1)[0] = weights === null ? this.#seen : -this.#seen
    for (const [place, column] of columns.entries()) {
      new Float32Array(out.buffer, 8 + place * column.byteLength, column.length).set(column)
    }
    return out
  }

  /** `bytes` start at a multiple of 4; returns where the next window starts. */
  load(bytes: Uint8Array, byteOffset: number): number {
    if (byteOffset + 8 > bytes.byteLength) throw new RangeError('metrics end early')
    const signed = new DataView(bytes.buffer).getFloat64(byteOffset, true)
    const seen = Math.abs(signed)
    const held = Math.min(seen, this.#size)
    const columns = signed < 0 ? [this.#scores, this.#labels, this.#weights] : [this.#scores, this.#labels]
    const end = byteOffset + 8 + held * 4 * columns.length
    if (!(seen >= 0) || end > bytes.byteLength) throw new RangeError('metrics of another window size')
    this.#seen = seen
    this.#weights.fill(1)
    for (const [place, column] of columns.entries()) {
      column.set(new Float32Array(bytes.buffer, byteOffset + 8 + place * held * 4, held))
    }
    return end
  }
}
