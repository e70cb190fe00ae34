// POST /v1/events: a batch of events, each accepted, known already or rejected on its own.
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { ApiError } from './api-errors.ts'
import { eventBodies } from './event-bodies.ts'
import { rejectionCodes } from './event-intake.ts'
import { eventsPerBatchMax, type RouteContext } from './route-context.ts'
import { errorAnswers } from './shapes.ts'
import { validatorCompiler } from './validation.ts'

/** What the document says of the body. */
const EventBatch = Type.Object(
  {
    events: Type.Array(Type.Union(Object.values(eventBodies)), {
      maxItems: eventsPerBatchMax,
      description: 'at most 1,000; null stands for an absent field',
    }),
  },
  { additionalProperties: false, title: 'EventBatch' },
)

/** What is checked before each event is looked at by itself. */
const Envelope = Type.Object(
  { events: Type.Array(Type.Unknown(), { description: 'an array of events' }) },
  { additionalProperties: false },
)
type Envelope = Static<typeof Envelope>

export const Intake = Type.Object(
  {
    accepted: Type.Integer({ description: 'appended and durable' }),
    duplicates: Type.Integer({ description: 'known already by their eventId: nothing changed' }),
    rejected: Type.Array(
      Type.Object({
        index: Type.Integer({ description: 'place in the batch, from 0' }),
        code: Type.Enum([...rejectionCodes]),
        message: Type.String({ description: 'names the field and the remedy' }),
      }),
    ),
  },
  { title: 'Intake' },
)

export function eventsRoute(app: FastifyInstance, { intake }: RouteContext): void {
  app.post<{ Body: Envelope }>(
    '/v1/events',
    {
      schema: {
        operationId: 'postEvents',
        summary: 'Publish what users did',
        tags: ['events'],
        body: EventBatch,
        response: { 202: { ...Intake, description: 'Durable' }, ...errorAnswers(400, 401, 413, 415, 503) },
      },
      // The batch is taken event by event, so only its envelope decides over the whole.
      validatorCompiler: (route) =>
        validatorCompiler(route.httpPart === 'body' ? { ...route, schema: Envelope } : route),
    },
    async (request, reply) => {
      const { events } = request.body
      refuseTooMany(events.length)
      const { intake: outcome } = await intake.take(events, (userId) => request.caller.mayActFor(userId))
      return reply.code(202).send(outcome)
    },
  )
}

export function refuseTooMany(events: number): void {
  if (events <= eventsPerBatchMax) return
  throw new ApiError('too-many-events', `${events} events in one batch`, 'send at most 1,000 a batch', 'events')
}
