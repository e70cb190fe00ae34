// A timeline whose outcomes come to light later than they happened.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import type { TimelineEvent } from '../import/kuairand-events.ts'

/** An engagement later than a day after its page is not joined with it any more; a view takes time, too. */
export const outcomeDelayMsMax = 23 * 3_600_000

export interface TimedEvent {
  readonly event: TimelineEvent
  /** When it is known: what happens is known at once, or `delayMs` later for an engagement. */
  readonly knownMs: number
}

/** In the order in which events are known; an engagement keeps its own event time and is received when it is known. */
export function* delayedOutcomes(timeline: Iterable<TimelineEvent>, delayMs: number): Generator<TimedEvent> {
  if (!(delayMs >= 0 && delayMs <= outcomeDelayMsMax)) {
    throw new FreshetError('usage', `outcomes can be ${outcomeDelayMsMax} ms late at most; give --labels-delayed less`)
  }
  let held: TimedEvent[] = []
  let next = 0
  for (const event of timeline) {
    if (event.kind === 'engagement') {
      const knownMs = event.record.eventTimeMs + delayMs
      held.push({ event: delayMs === 0 ? event : receivedAt(event, knownMs), knownMs })
      continue
    }
    // Of equal times the outcome comes first, as in the timeline itself.
    while (next < held.length && held[next]!.knownMs <= event.impressionTimeMs) yield held[next++]!
    if (next > heldMax) {
      held = held.slice(next)
      next = 0
    }
    yield { event, knownMs: event.impressionTimeMs }
  }
  yield* held.slice(next)
}

/** Outcomes that were told already are let go in lots of this size. */
const heldMax = 10_000

function receivedAt(event: Extract<TimelineEvent, { kind: 'engagement' }>, receivedTimeMs: number): TimelineEvent {
  return { ...event, record: { ...event.record, receivedTimeMs } }
}
