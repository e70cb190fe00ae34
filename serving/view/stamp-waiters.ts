// Who waits for which offset of which partition: woken by the record that reaches it, never by asking again.

interface Waiter {
  readonly next: number
  readonly resolve: () => void
}

export class StampWaiters {
  private readonly waitersByPlace = new Map<string, Set<Waiter>>()

  /** Resolves when the place has advanced to `next`, or when the signal aborts. */
  wait(place: string, next: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const waiters = this.waitersByPlace.get(place) ?? new Set()
      this.waitersByPlace.set(place, waiters)
      const leave = (): void => {
        waiters.delete(waiter)
        if (waiters.size === 0 && this.waitersByPlace.get(place) === waiters) this.waitersByPlace.delete(place)
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const waiter: Waiter = { next, resolve: leave }
      waiters.add(waiter)
      signal.addEventListener('abort', leave)
    })
  }

  advanced(place: string, next: number): void {
    const waiters = this.waitersByPlace.get(place)
    if (waiters === undefined) return
    for (const waiter of [...waiters]) if (waiter.next <= next) waiter.resolve()
  }
}
