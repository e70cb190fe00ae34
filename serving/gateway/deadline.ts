// Waiting no longer than agreed.
import type { Timers } from '../../streams/runtime/runtime.ts'

export type Timely<T> = { readonly late: false; readonly value: T } | { readonly late: true }

/** What `work` gives if it settles within `ms`, else late; the work goes on, and its later failure is its owner's. */
export async function withDeadline<T>(timers: Timers, ms: number, work: Promise<T>): Promise<Timely<T>> {
  const settled = new AbortController()
  const late = timers.sleep(ms, settled.signal).then(
    () => ({ late: true }) as const,
    () => ({ late: true }) as const,
  )
  try {
    return await Promise.race([work.then((value) => ({ late: false, value }) as const), late])
  } finally {
    settled.abort()
  }
}
