// GET /v1/requests/{id}: why each entry of a page was there.
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { ExplainedRequest } from '../shard.ts'
import { ApiError } from './api-errors.ts'
import type { RouteContext } from './route-context.ts'
import { errorAnswers, Id } from './shapes.ts'

const Params = Type.Object({ id: Id('requestId of the page') })
const Numbers = (description: string) => Type.Record(Type.String(), Type.Number(), { description })
const Features = Type.Record(Type.String(), Type.Union([Type.Number(), Type.Array(Type.String())]), {
  description: 'features by name, as they were scored',
})

const Explained = Type.Object(
  {
    requestId: Type.String(),
    userId: Type.String(),
    servedTimeMs: Type.Integer(),
    features: Features,
    entries: Type.Array(
      Type.Object({
        videoId: Type.String(),
        position: Type.Integer(),
        source: Type.String(),
        score: Type.Number(),
        stageScores: Numbers('score left by each scorer'),
        predictions: Numbers('probability or expectation per head'),
        features: Features,
        reasons: Type.Array(Type.String()),
        propensity: Type.Number(),
      }),
    ),
    weights: Numbers('ranking weights of the policy'),
    rules: Type.Array(Type.String()),
    sources: Type.Array(Type.Object({ name: Type.String(), candidates: Type.Integer(), outcome: Type.String() })),
    removed: Numbers('candidates removed, by filter'),
    offsets: Numbers('offset of every input the page saw'),
    model: Type.String(),
    modelVersion: Type.Integer(),
    policyVersion: Type.Integer(),
  },
  { title: 'ExplainedRequest' },
)

export function requestsRoute(app: FastifyInstance, { shards, everyShard, owners }: RouteContext): void {
  async function explained(requestId: string): Promise<ExplainedRequest | null> {
    const owner = owners.ownerOf(requestId)
    const candidates = owner === null ? everyShard() : [shards(owner)]
    for (const shard of candidates) {
      const found = await shard.explain(requestId)
      if (found) return found
    }
    return null
  }

  app.get<{ Params: Static<typeof Params> }>(
    '/v1/requests/:id',
    {
      schema: {
        operationId: 'getRequest',
        summary: 'Why each entry of a page was there',
        tags: ['feed'],
        params: Params,
        response: { 200: { ...Explained, description: 'The page, explained' }, ...errorAnswers(400, 401, 404, 503) },
      },
    },
    async (request) => {
      const { id } = request.params
      const found = await explained(id)
      // Whose request it was is nobody else's business: a stranger learns as little as from an id that is not known.
      if (found && request.caller.mayActFor(found.userId)) return found
      throw new ApiError(
        'request-unknown',
        `no shard remembers ${id}`,
        'run freshet timetravel for pages of long ago',
        'id',
      )
    },
  )
}
