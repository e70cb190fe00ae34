// What a client of the owners did so far, for metrics: counts that only grow, and how long its newest calls took.

export interface PullCounts {
  /** Answered or not. */
  readonly calls: number
  /** Calls that had to be made again: the owner was away, late, overloaded, or another one. */
  readonly retries: number
  /** Times that a bucket had no owner at all. */
  readonly waits: number
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Of the newest calls that were answered, at most 1,024; 0 before the first. */
  readonly latencyMs: { readonly p50: number; readonly p99: number }
}

const latenciesKept = 1_024

export class PullMeter {
  calls = 0
  retries = 0
  waits = 0
  bytesSent = 0
  bytesReceived = 0
  readonly #latenciesMs = new Float64Array(latenciesKept)
  #answered = 0

  answered(latencyMs: number): void {
    this.#latenciesMs[this.#answered % latenciesKept] = latencyMs
    this.#answered++
  }

  counts(): PullCounts {
    const { calls, retries, waits, bytesSent, bytesReceived } = this
    const sorted = this.#latenciesMs.slice(0, Math.min(this.#answered, latenciesKept)).sort()
    const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
    return { calls, retries, waits, bytesSent, bytesReceived, latencyMs: { p50: quantile(0.5), p99: quantile(0.99) } }
  }
}
