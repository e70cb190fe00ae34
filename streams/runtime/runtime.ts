// The ports to what is not a function of the log: time, timers, randomness. Everything else receives them.

export interface Clock {
  /** UTC milliseconds. */
  nowMs(): number
  /** Milliseconds from an arbitrary start, never going back, with fractions: for durations. */
  monotonicMs(): number
}

export interface Timers {
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `task` once after `ms`, unless the returned cancel is called before. Costs less than a sleep that is aborted. */
  after(ms: number, task: () => void): () => void
  /** Calls `task` every `ms` until the returned stop is called. A task still running is not called again. */
  every(ms: number, task: () => void | Promise<void>): () => void
}

export interface Randomness {
  /** UUIDv7. */
  id(): string
  /** Unsigned 32-bit seed. */
  seed(): number
}

export interface Runtime {
  readonly clock: Clock
  readonly timers: Timers
  readonly randomness: Randomness
}
