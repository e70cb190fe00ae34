// Waiting no longer than agreed.
import type { Timers } from '../../streams/runtime/runtime.ts'

export type Timely<T> = { readonly late: false; readonly value: T } | { readonly late: true }

/** What `work` gives if it settles within `ms`, else late; the work goes on, and its later failure is its owner's. */
export function withDeadline<T>(timers: Timers, ms: number, work: Promise<T>): Promise<Timely<T>> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(ms, () => resolve({ late: true }))
    work.then((value) => resolve({ late: false, value }), reject).finally(cancel)
  })
}
