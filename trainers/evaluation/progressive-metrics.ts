// How good predictions were that were made before the model learned their labels: AUC and log loss per head over a window
// of the newest outcomes. Bounded, and part of a trainer's state.
import { headIndex, heads } from '../../schemas/labels.ts'
import { type AucEstimate, aucEstimate } from './auc.ts'
import { logLoss, type MeanEstimate } from './log-loss.ts'

export interface HeadMetrics {
  /** Outcomes with a known label since the start; the window holds the newest of them. */
  readonly seen: number
  /** Share of positives in the window. */
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

  /** One row: predictions as a scorer gives them, labels as an example holds them (watchTime: log1p seconds). */
  add(predictions: Float32Array, labels: Float32Array, rowIndex: number): void {
    for (let head = 0; head < heads.length; head++) {
      const label = labels[head]!
      if (!Number.isNaN(label)) this.#windows[head]!.add(predictions[rowIndex * heads.length + head]!, label)
    }
  }

  head(name: Exclude<(typeof heads)[number], 'watchTime'>): HeadMetrics {
    const window = this.#windows[headIndex[name]]!
    const [scores, labels] = window.columns()
    const positives = labels.reduce((sum, label) => sum + label, 0)
    const baseRate = positives / labels.length
    return { seen: window.seen, baseRate, auc: aucEstimate(scores, labels), logLoss: logLoss(scores, labels) }
  }

  watchTime(): WatchTimeMetrics {
    const window = this.#windows[headIndex.watchTime]!
    const [scores, labels] = window.columns()
    const error = scores.reduce((sum, seconds, index) => sum + Math.abs(seconds - Math.expm1(labels[index]!)), 0)
    return { seen: window.seen, errorSeconds: error / scores.length }
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

/** A ring of the newest scores and labels. */
class MetricWindow {
  readonly #size: number
  #scores: Float32Array
  #labels: Float32Array
  #seen = 0

  constructor(size: number) {
    this.#size = size
    this.#scores = new Float32Array(size)
    this.#labels = new Float32Array(size)
  }

  get seen(): number {
    return this.#seen
  }

  add(score: number, label: number): void {
    const place = this.#seen % this.#size
    this.#scores[place] = score
    this.#labels[place] = label
    this.#seen++
  }

  columns(): readonly [Float32Array, Float32Array] {
    const held = Math.min(this.#seen, this.#size)
    return [this.#scores.subarray(0, held), this.#labels.subarray(0, held)]
  }

  /** f64 seen, then f32 scores and labels of the places in use. */
  dump(): Uint8Array {
    const [scores, labels] = this.columns()
    const out = new Uint8Array(8 + scores.length * 8)
    new Float64Array(out.buffer, 0, 1)[0] = this.#seen
    new Float32Array(out.buffer, 8, scores.length).set(scores)
    new Float32Array(out.buffer, 8 + scores.length * 4, scores.length).set(labels)
    return out
  }

  /** `bytes` start at a multiple of 8; returns where the next window starts. */
  load(bytes: Uint8Array, byteOffset: number): number {
    if (byteOffset + 8 > bytes.byteLength) throw new RangeError('metrics end early')
    const seen = new DataView(bytes.buffer).getFloat64(byteOffset, true)
    const held = Math.min(seen, this.#size)
    const end = byteOffset + 8 + held * 8
    if (!(seen >= 0) || end > bytes.byteLength) throw new RangeError('metrics of another window size')
    this.#seen = seen
    this.#scores.set(new Float32Array(bytes.buffer, byteOffset + 8, held))
    this.#labels.set(new Float32Array(bytes.buffer, byteOffset + 8 + held * 4, held))
    return end
  }
}
