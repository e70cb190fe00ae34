// /healthz, /readyz, /metrics and /openapi.json: what machines ask of a gateway.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { ApiError } from './api-errors.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import type { Readiness } from './route-context.ts'
import { errorAnswers } from './shapes.ts'

const tags = ['operations']

export function operationsRoute(
  app: FastifyInstance,
  parts: {
    readonly metrics: GatewayMetrics
    readonly moreMetrics: () => string | Promise<string>
    readonly ready: () => boolean | Readiness | Promise<boolean | Readiness>
  },
): void {
  app.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        summary: 'The process answers',
        tags,
        response: { 200: Type.Object({ status: Type.Literal('ok') }, { description: 'It does' }) },
      },
    },
    async () => ({ status: 'ok' }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'The shards have read what was in the log',
        tags,
        response: {
          200: Type.Object({ ready: Type.Literal(true) }, { description: 'Feeds are whole' }),
          ...errorAnswers(503),
        },
      },
    },
    async () => {
      const said = await parts.ready()
      const { ready, waitingFor = [] }: Readiness = typeof said === 'boolean' ? { ready: said } : said
      if (ready) return { ready: true }
      const what = waitingFor.length === 0 ? 'the shards to read the log' : waitingFor.join(', ')
      throw new ApiError('not-ready', `waiting for ${what}`, 'ask again soon; freshet lag shows how far behind it is')
    },
  )

  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'getMetrics',
        summary: "Metrics in Prometheus' text format",
        tags,
        produces: ['text/plain'],
        response: { 200: Type.String({ description: 'One sample a line' }) },
      },
    },
    async (_request, reply) => {
      const texts = [await parts.metrics.text(), await parts.moreMetrics()]
      const text = texts.filter((part) => part !== '').map((part) => (part.endsWith('\n') ? part : `${part}\n`))
      return reply.type(parts.metrics.contentType).send(text.join(''))
    },
  )

  app.get(
    '/openapi.json',
    {
      schema: {
        operationId: 'getOpenApi',
        summary: 'This document',
        tags,
        response: { 200: Type.Object({}, { additionalProperties: true, description: 'OpenAPI 3.1' }) },
      },
    },
    async () => app.swagger(),
  )
}
