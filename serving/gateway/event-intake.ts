// Takes a batch event by event: each is appended durably, known already, or refused with a code that says what to change.
import type { ValidateFunction } from 'ajv'
import { encode } from '../../schemas/codec.ts'
import { eventEarlinessMsMax, eventLatenessMsMax, interactions } from '../../schemas/topics.ts'
import type { NewRecord } from '../../streams/log/log.ts'
import { nearestName } from '../../streams/runtime/nearest-name.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import {
  type ClientEvent,
  type ClientEventType,
  clientEventTypes,
  type EventBody,
  eventBodies,
  recordOf,
} from './event-bodies.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import type { UserLog } from './user-log.ts'
import { compileBody, misfitOf } from './validation.ts'

export const rejectionCodes = [
  'not-an-object',
  'unknown-type',
  'unknown-field',
  'missing-field',
  'invalid-field',
  'event-too-old',
  'event-too-far-ahead',
  'user-mismatch',
] as const
export type RejectionCode = (typeof rejectionCodes)[number]

export interface Rejection {
  readonly index: number
  readonly code: RejectionCode
  readonly message: string
}

export interface Intake {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: readonly Rejection[]
}

export interface EventIntake {
  /** Resolves when what was accepted is durable. `mayActFor`: whose events this caller may send. `taken` are the
   *  records that are in the log now, duplicates included. */
  take(
    events: readonly unknown[],
    mayActFor: (userId: string) => boolean,
  ): Promise<{ readonly intake: Intake; readonly taken: readonly ClientEvent[] }>
}

const validateByType = new Map<string, ValidateFunction>(
  Object.entries(eventBodies).map(([type, schema]) => [type, compileBody(schema)]),
)

export function eventIntake(parts: {
  readonly userLog: UserLog
  readonly runtime: Runtime
  readonly metrics: GatewayMetrics
}): EventIntake {
  const { userLog, runtime, metrics } = parts
  return {
    async take(events, mayActFor) {
      const receivedTimeMs = runtime.clock.nowMs()
      const rejected: Rejection[] = []
      const taken: ClientEvent[] = []
      const records: NewRecord[] = []
      for (const [index, event] of events.entries()) {
        const outcome = check(event, receivedTimeMs, mayActFor, () => runtime.randomness.id())
        if ('code' in outcome) {
          rejected.push({ index, ...outcome })
          continue
        }
        taken.push(outcome)
        records.push({
          key: outcome.userId,
          value: encode(outcome),
          timestampMs: receivedTimeMs,
          eventId: outcome.eventId,
        })
      }
      const outcomes = records.length === 0 ? [] : await userLog.append(interactions, records)
      const duplicates = outcomes.filter((outcome) => outcome.status === 'duplicate').length
      const intake = { accepted: records.length - duplicates, duplicates, rejected }
      metrics.eventsTaken(intake)
      return { intake, taken }
    },
  }
}

function check(
  event: unknown,
  receivedTimeMs: number,
  mayActFor: (userId: string) => boolean,
  drawId: () => string,
): ClientEvent | Omit<Rejection, 'index'> {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    return { code: 'not-an-object', message: 'an event is a JSON object; send {type, userId, ...}' }
  }
  const type = (event as { type?: unknown }).type
  if (type === undefined) {
    return { code: 'missing-field', message: `the field type is missing; send one of ${clientEventTypes.join(', ')}` }
  }
  const validate = typeof type === 'string' ? validateByType.get(type) : undefined
  if (!validate) return unknownType(type)
  // Clients that write absent fields as null mean the same by it.
  const present = Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null))
  if (!validate(present)) {
    const misfit = misfitOf(validate.errors ?? [])
    return { code: misfit.kind, message: `${misfit.message}; ${misfit.remedy}` }
  }
  const body = present as unknown as EventBody & { eventId?: string; eventTimeMs?: number }
  if (!mayActFor(body.userId)) {
    return { code: 'user-mismatch', message: `the token is not of userId ${body.userId}; send that user's token` }
  }
  const eventTimeMs = body.eventTimeMs ?? receivedTimeMs
  if (eventTimeMs < receivedTimeMs - eventLatenessMsMax) {
    return {
      code: 'event-too-old',
      message: `eventTimeMs ${eventTimeMs} is more than 24 h before ${receivedTimeMs}, the time here; send events sooner, in UTC milliseconds`,
    }
  }
  if (eventTimeMs > receivedTimeMs + eventEarlinessMsMax) {
    return {
      code: 'event-too-far-ahead',
      message: `eventTimeMs ${eventTimeMs} is more than 5 min after ${receivedTimeMs}, the time here; set the client's clock or leave eventTimeMs out`,
    }
  }
  return recordOf(body, { eventId: body.eventId ?? drawId(), eventTimeMs, receivedTimeMs })
}

function unknownType(type: unknown): Omit<Rejection, 'index'> {
  const nearest = typeof type === 'string' ? nearestName(type, clientEventTypes) : null
  const remedy = nearest ? `did you mean ${nearest}?` : `types are ${clientEventTypes.join(', ')}`
  return {
    code: 'unknown-type',
    message: `type ${JSON.stringify(type)?.slice(0, 80)} is not one a client sends; ${remedy}`,
  }
}

export type { ClientEvent, ClientEventType }
