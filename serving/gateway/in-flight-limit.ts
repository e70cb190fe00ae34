// A bound on work under way: past it the caller is told to come back, nothing queues.
import { FreshetError } from '../../streams/runtime/errors.ts'

export interface InFlightLimit {
  /** Runs the work, or rejects with overloaded at once. */
  run<T>(work: () => Promise<T>): Promise<T>
  readonly inFlight: number
}

export function inFlightLimit(
  what: string,
  max: number,
  onChange: (inFlight: number) => void,
  onTurnedAway: (what: string) => void,
): InFlightLimit {
  let inFlight = 0
  return {
    async run(work) {
      if (inFlight >= max) {
        onTurnedAway(what)
        throw new FreshetError(
          'overloaded',
          `${max} ${what} are under way already; try again after Retry-After seconds`,
        )
      }
      onChange(++inFlight)
      try {
        return await work()
      } finally {
        onChange(--inFlight)
      }
    },
    get inFlight() {
      return inFlight
    },
  }
}
