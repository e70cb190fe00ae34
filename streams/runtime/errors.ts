// Operating errors: one closed list of codes, each saying whether trying again can help and what to do.

/** Every code, with whether the same call may succeed later. The docs list the same ones; a test compares. */
export const errorCodes = {
  'config-invalid': { retryable: false },
  'log-locked': { retryable: false },
  'log-closed': { retryable: false },
  'log-corrupt': { retryable: false },
  'log-unavailable': { retryable: true },
  'log-position-out-of-range': { retryable: false },
  'topic-unknown': { retryable: false },
  'topic-mismatch': { retryable: false },
  'record-too-large': { retryable: false },
  overloaded: { retryable: true },
  'blob-missing': { retryable: false },
  'blob-corrupt': { retryable: false },
  'checkpoint-corrupt': { retryable: false },
  'engine-missing': { retryable: false },
  'engine-failed': { retryable: true },
  'shard-unavailable': { retryable: true },
  'peer-unavailable': { retryable: true },
  'deadline-exceeded': { retryable: true },
  'bucket-moved': { retryable: true },
  'rollback-impossible': { retryable: false },
  'drill-failed': { retryable: false },
  stopped: { retryable: true },
  usage: { retryable: false },
} as const
export type ErrorCode = keyof typeof errorCodes

export interface FreshetErrorOptions {
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** An operating error. `message` ends in the remedy. */
export class FreshetError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: FreshetErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'FreshetError'
    this.code = code
    this.retryable = errorCodes[code].retryable
    this.details = options.details ?? {}
  }
}

/** Programmer errors: a condition that cannot be false unless the code is wrong. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}
