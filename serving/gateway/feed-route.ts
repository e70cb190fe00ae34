// GET /v1/feed: the next page of a user, or the page a cursor named before.
import type { FastifyInstance } from 'fastify'
import { requireActingFor } from './auth.ts'
import type { RouteContext } from './route-context.ts'
import { errorAnswers, FeedPageShape, FeedQuery, type FeedQueryValues } from './shapes.ts'

export function feedRoute(app: FastifyInstance, { feeds }: RouteContext): void {
  app.get<{ Querystring: FeedQueryValues }>(
    '/v1/feed',
    {
      schema: {
        operationId: 'getFeed',
        summary: 'A page of a feed',
        description: 'A cursor asked again gives the same page; the next cursor is ranked anew, without repeats.',
        tags: ['feed'],
        querystring: FeedQuery,
        response: { 200: { ...FeedPageShape, description: 'The page' }, ...errorAnswers(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      requireActingFor(request.caller, request.query.user, 'user')
      const page = await feeds.page(request.query)
      return reply.header('cache-control', 'no-store').send(page)
    },
  )
}
