// Tries an operation again while its error says that trying can help.
import { isDiskFull } from '../runtime/disk.ts'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'

const firstWaitMs = 20
const waitMsMax = 5_000

/** Whether trying the same again may succeed: 'stopped' may, but not for whoever was stopped. A full disk may be cleared. */
export function isRetryable(error: unknown): boolean {
  if (isDiskFull(error)) return true
  return error instanceof FreshetError && error.retryable && error.code !== 'stopped'
}

/**
 * Runs `operation` until it succeeds, waiting 20 ms, then twice as long each time up to 5 s. Rejects with the first error
 * that is not retryable, or with the signal's reason. `onRetry` runs before each further attempt.
 */
export async function retrying<T>(
  runtime: Runtime,
  signal: AbortSignal,
  operation: () => Promise<T>,
  onRetry: (error: unknown) => void = () => {},
): Promise<T> {
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMsMax, waitMs * 2)) {
    try {
      return await operation()
    } catch (error) {
      if (!isRetryable(error)) throw error
      onRetry(error)
      await runtime.timers.sleep(waitMs, signal)
    }
  }
}
