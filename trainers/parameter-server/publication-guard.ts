// Decides, from how well batches were predicted before they were learned, whether what was learned may go out. A pure fold:
// equal batches give equal decisions. Once it holds, only a rollback lets go.
import type { BatchQuality } from '../../schemas/generated.ts'

export type HoldReason = 'non-finite' | 'loss-exploded' | 'metric-collapsed'

export interface Hold {
  readonly reason: HoldReason
  /** Offset of the input that made it hold. */
  readonly sinceOffset: number
}

export interface GuardOptions {
  /** Examples of a window in which loss may not explode. Short, because exploded weights do harm at once: a loss of several
   *  times the usual shows in a few hundred examples. */
  readonly lossWindowExamples?: number
  /** Examples of a window of the progressive metric. Long: the log loss of one example deviates by up to twice its mean
   *  (of rare labels more), so a mean over 2,048 by about 4 %, far below the 25 % that count as collapse. */
  readonly metricWindowExamples?: number
  /** Positives and negatives that a metric window waits for: a metric of labels that hardly occur says nothing. */
  readonly rarerLabelsMin?: number
  /** Loss explodes above this many times its slow average, where a constant does not explode with it. */
  readonly lossFactor?: number
  /** Loss explodes only above this many times a constant's loss on the same examples: when the labels change, everyone's
   *  loss grows; exploded weights are wrong where a constant is not. */
  readonly constantFactor?: number
  /** Metric collapses above this normalised entropy; 1 is a constant. */
  readonly collapsedAbove?: number
  /** Loss windows before an average is trusted. */
  readonly lossWindowsMin?: number
  /** Metric windows before an average is trusted. */
  readonly metricWindowsMin?: number
}

/** Plain JSON. */
export interface GuardState {
  readonly held: Hold | null
  readonly loss: WindowSums
  readonly metric: WindowSums
  /** Windows that have closed, averages over them. */
  readonly lossWindows: number
  readonly slowLoss: number
  readonly slowRate: number
  readonly metricWindows: number
  readonly slowEntropy: number
  /** The slow average of the metric was once better than a constant. */
  readonly wasGood: boolean
}

interface WindowSums {
  readonly examples: number
  readonly logLoss: number
  readonly positives: number
}

const emptyWindow: WindowSums = { examples: 0, logLoss: 0, positives: 0 }
const initialState: GuardState = {
  held: null,
  loss: emptyWindow,
  metric: emptyWindow,
  lossWindows: 0,
  slowLoss: 0,
  slowRate: 0,
  metricWindows: 0,
  slowEntropy: 0,
  wasGood: false,
}

/** Share of the newest window in a slow average. */
const slowShare = 1 / 16
/** A metric window that never sees both labels starts anew after this many times its length. */
const metricWindowPatience = 64

export class PublicationGuard {
  readonly #options: Required<GuardOptions>
  #state: GuardState = initialState

  constructor(options: GuardOptions = {}) {
    this.#options = {
      lossWindowExamples: 512,
      metricWindowExamples: 2_048,
      rarerLabelsMin: 64,
      lossFactor: 4,
      constantFactor: 2,
      collapsedAbove: 1.25,
      lossWindowsMin: 8,
      metricWindowsMin: 4,
      ...options,
    }
  }

  get held(): Hold | null {
    return this.#state.held
  }

  /** Folds in how a batch was predicted. */
  note(quality: BatchQuality, offset: number): void {
    if (this.#state.held) return
    const { examples, logLoss, positives, nonFinite } = quality
    if (nonFinite > 0 || !Number.isFinite(logLoss) || !Number.isFinite(positives)) {
      this.hold('non-finite', offset)
      return
    }
    if (examples <= 0) return
    const state = this.#state
    this.#state = { ...state, loss: sum(state.loss, quality), metric: sum(state.metric, quality) }
    // The metric goes first: it compares with the label rate from before these examples.
    this.#closeMetricWindow(offset)
    this.#closeLossWindow(offset)
  }

  /** Holds from here on, unless it does already. */
  hold(reason: HoldReason, offset: number): void {
    if (this.#state.held) return
    this.#state = { ...this.#state, held: { reason, sinceOffset: offset } }
  }

  /** Lets go where it holds. Averages start anew then: whoever lets go of this model says that it may be what it is. */
  release(): void {
    if (this.#state.held) this.#state = initialState
  }

  /** Equal folds give equal states. */
  state(): GuardState {
    return this.#state
  }

  restore(state: GuardState): void {
    this.#state = state
  }

  #closeLossWindow(offset: number): void {
    const { lossWindowExamples, lossWindowsMin, lossFactor, constantFactor } = this.#options
    const { loss, lossWindows, slowLoss, slowRate } = this.#state
    if (loss.examples < lossWindowExamples) return
    const mean = loss.logLoss / loss.examples
    const rate = loss.positives / loss.examples
    const isTrusted = lossWindows >= lossWindowsMin
    if (isTrusted && mean > lossFactor * slowLoss && mean > constantFactor * constantLoss(rate, slowRate)) {
      this.hold('loss-exploded', offset)
      return
    }
    this.#state = {
      ...this.#state,
      loss: emptyWindow,
      lossWindows: lossWindows + 1,
      slowLoss: average(slowLoss, mean, lossWindows),
      slowRate: average(slowRate, rate, lossWindows),
    }
  }

  #closeMetricWindow(offset: number): void {
    const { metricWindowExamples, metricWindowsMin, rarerLabelsMin, collapsedAbove } = this.#options
    const { metric, lossWindows, slowRate, metricWindows, slowEntropy, wasGood } = this.#state
    if (metric.examples < metricWindowExamples || lossWindows === 0) return
    const rarer = Math.min(metric.positives, metric.examples - metric.positives)
    if (rarer < rarerLabelsMin) {
      if (metric.examples >= metricWindowPatience * metricWindowExamples)
        this.#state = { ...this.#state, metric: emptyWindow }
      return
    }
    const entropy = metric.logLoss / metric.examples / constantLoss(metric.positives / metric.examples, slowRate)
    if (wasGood && entropy > collapsedAbove && entropy > slowEntropy) {
      this.hold('metric-collapsed', offset)
      return
    }
    const slow = average(slowEntropy, entropy, metricWindows)
    this.#state = {
      ...this.#state,
      metric: emptyWindow,
      metricWindows: metricWindows + 1,
      slowEntropy: slow,
      wasGood: wasGood || (metricWindows + 1 >= metricWindowsMin && slow < 1),
    }
  }
}

/**
 * Mean log loss of labels of this rate under the constant that the past suggests: the entropy of the rate where nothing
 * changed, more where it did. Dividing by it gives the normalised entropy (He et al. 2014, section 3, whose constant is the
 * rate of the very examples) without calling a model worse than a constant because the labels changed at once.
 */
function constantLoss(rate: number, pastRate: number): number {
  const constant = Math.min(1 - 1e-3, Math.max(1e-3, pastRate))
  return -rate * Math.log(constant) - (1 - rate) * Math.log(1 - constant)
}

/** A mean while there are few, then an average that forgets. */
function average(slow: number, newest: number, count: number): number {
  return slow + (newest - slow) * Math.max(slowShare, 1 / (count + 1))
}

function sum(window: WindowSums, { examples, logLoss, positives }: BatchQuality): WindowSums {
  return {
    examples: window.examples + examples,
    logLoss: window.logLoss + logLoss,
    positives: window.positives + positives,
  }
}
