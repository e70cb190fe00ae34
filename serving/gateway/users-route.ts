// PUT and DELETE /v1/users/{id}: a profile is said whole; an erasure is a fact like any other.
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { encode } from '../../schemas/codec.ts'
import type { UsersRecord } from '../../schemas/generated.ts'
import { users } from '../../schemas/topics.ts'
import { requireActingFor } from './auth.ts'
import { boundedMap } from './bounded-map.ts'
import type { RouteContext } from './route-context.ts'
import { Appended, Attributes, errorAnswers, Id } from './shapes.ts'

const Params = Type.Object({ id: Id('the user, by a pseudonym') })
type Params = Static<typeof Params>

const UserBody = Type.Object(
  {
    region: Type.Optional(Id('where the user is')),
    language: Type.Optional(Id('what the user reads')),
    birthYear: Type.Optional(Type.Integer({ minimum: 1900, maximum: 2100, description: 'a year, e.g. 1999' })),
    interests: Type.Optional(Type.Array(Id('a topic'), { maxItems: 256, description: 'topics, at most 256' })),
    attributes: Type.Optional(Attributes),
  },
  { additionalProperties: false, title: 'User' },
)

export function usersRoute(app: FastifyInstance, { runtime, userLog, limits }: RouteContext): void {
  // Joined and changed both state the whole profile, so forgetting one here costs nothing but the record's name.
  const joined = boundedMap<string, true>(limits.usersRememberedMax)

  async function append(record: UsersRecord): Promise<{ eventId: string }> {
    const { userId, eventId, receivedTimeMs } = record
    await userLog.append(users, [{ key: userId, value: encode(record), timestampMs: receivedTimeMs, eventId }])
    return { eventId }
  }
  const stamps = () => {
    const nowMs = runtime.clock.nowMs()
    return { eventId: runtime.randomness.id(), eventTimeMs: nowMs, receivedTimeMs: nowMs }
  }

  app.put<{ Params: Params; Body: Static<typeof UserBody> }>(
    '/v1/users/:id',
    {
      schema: {
        operationId: 'putUser',
        summary: 'A user joins, or changes the whole profile',
        tags: ['users'],
        params: Params,
        body: UserBody,
        response: { 202: { ...Appended, description: 'Durable' }, ...errorAnswers(400, 401, 403, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { body } = request
      requireActingFor(request.caller, id, 'id')
      const appended = await append({
        type: joined.get(id) ? 'ProfileChanged' : 'UserJoined',
        ...stamps(),
        userId: id,
        region: body.region ?? null,
        language: body.language ?? null,
        birthYear: body.birthYear ?? null,
        interests: body.interests ?? [],
        attributes: body.attributes ?? {},
      })
      joined.set(id, true)
      return reply.code(202).send(appended)
    },
  )

  app.delete<{ Params: Params }>(
    '/v1/users/:id',
    {
      schema: {
        operationId: 'deleteUser',
        summary: 'Forget everything about a user',
        tags: ['users'],
        params: Params,
        response: { 202: { ...Appended, description: 'Durable' }, ...errorAnswers(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      requireActingFor(request.caller, id, 'id')
      const appended = await append({ type: 'UserErased', ...stamps(), userId: id })
      joined.delete(id)
      userLog.forget(id)
      return reply.code(202).send(appended)
    },
  )
}
