// PUT, GET and DELETE /v1/videos/{id}: videos hosted elsewhere are published and taken down as events.
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { encode } from '../../schemas/codec.ts'
import type { VideosRecord } from '../../schemas/generated.ts'
import { videos } from '../../schemas/topics.ts'
import type { VideoState } from '../shard.ts'
import { ApiError } from './api-errors.ts'
import { requireActingFor } from './auth.ts'
import type { RouteContext } from './route-context.ts'
import { Appended, Attributes, errorAnswers, Id } from './shapes.ts'

const Params = Type.Object({ id: Id('the video') })
const Url = (description: string) => Type.Optional(Type.String({ maxLength: 2_048, description }))

const VideoBody = Type.Object(
  {
    creatorId: Id('who made it'),
    durationMs: Type.Integer({ minimum: 0, maximum: 24 * 3_600_000, description: 'its length, whole milliseconds' }),
    soundId: Type.Optional(Id('its sound')),
    hashtags: Type.Optional(Type.Array(Id('a hashtag without #'), { maxItems: 64, description: 'at most 64' })),
    category: Type.Optional(Id('its category')),
    language: Type.Optional(Id('its language')),
    region: Type.Optional(Id('its region')),
    ageRating: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 21, description: 'youngest age it is for, in years' }),
    ),
    contentId: Type.Optional(Id('videos of one contentId show the same thing')),
    embedding: Type.Optional(
      Type.Array(Type.Number(), {
        minItems: 1,
        maxItems: 1_024,
        description: '1 to 1,024 numbers that describe its content',
      }),
    ),
    attributes: Type.Optional(Attributes),
    playback: Type.Optional(
      Type.Object(
        { mp4: Url('address of a file'), hls: Url('address of a playlist'), poster: Url('address of a picture') },
        { additionalProperties: false, description: 'where it is played from' },
      ),
    ),
  },
  { additionalProperties: false, title: 'Video' },
)

const State = Type.Object(
  {
    videoId: Type.String(),
    state: Type.Enum(['published', 'taken-down']),
    creatorId: Type.String(),
    durationMs: Type.Integer(),
    hashtags: Type.Array(Type.String()),
    views: Type.Integer(),
    reason: Type.Optional(Type.String()),
  },
  { title: 'VideoState' },
)

type Params = Static<typeof Params>

export function videosRoute(app: FastifyInstance, context: RouteContext): void {
  const { runtime, userLog } = context

  async function append(record: VideosRecord): Promise<{ eventId: string }> {
    const { videoId, eventId, receivedTimeMs } = record
    await userLog.append(videos, [{ key: videoId, value: encode(record), timestampMs: receivedTimeMs, eventId }])
    return { eventId }
  }
  const stamps = () => {
    const nowMs = runtime.clock.nowMs()
    return { eventId: runtime.randomness.id(), eventTimeMs: nowMs, receivedTimeMs: nowMs }
  }

  app.put<{ Params: Params; Body: Static<typeof VideoBody> }>(
    '/v1/videos/:id',
    {
      schema: {
        operationId: 'putVideo',
        summary: 'Publish a video that is hosted elsewhere',
        description: 'Published again, it replaces everything said before. A creator publishes his own.',
        tags: ['videos'],
        params: Params,
        body: VideoBody,
        response: { 202: { ...Appended, description: 'Durable' }, ...errorAnswers(400, 401, 403, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { body } = request
      requireActingFor(request.caller, body.creatorId, 'creatorId')
      const before = await videoState(context, request.params.id)
      if (before) requireActingFor(request.caller, before.creatorId, 'id')
      const published = await append({
        type: 'VideoPublished',
        ...stamps(),
        videoId: request.params.id,
        creatorId: body.creatorId,
        durationMs: body.durationMs,
        soundId: body.soundId ?? null,
        hashtags: body.hashtags ?? [],
        category: body.category ?? null,
        language: body.language ?? null,
        region: body.region ?? null,
        ageRating: body.ageRating ?? null,
        contentId: body.contentId ?? null,
        embedding: body.embedding ?? null,
        attributes: body.attributes ?? {},
        playback: body.playback ? { mp4: null, hls: null, poster: null, ...body.playback } : null,
      })
      return reply.code(202).send(published)
    },
  )

  app.get<{ Params: Params }>(
    '/v1/videos/:id',
    {
      schema: {
        operationId: 'getVideo',
        summary: 'State of a video',
        tags: ['videos'],
        params: Params,
        response: { 200: { ...State, description: 'What the shards know' }, ...errorAnswers(400, 401, 404, 503) },
      },
    },
    async (request) => {
      const state = await videoState(context, request.params.id)
      if (state) return state
      throw new ApiError('video-unknown', `no shard knows ${request.params.id}`, 'publish it with PUT first', 'id')
    },
  )

  app.delete<{ Params: Params; Querystring: { reason?: string } }>(
    '/v1/videos/:id',
    {
      schema: {
        operationId: 'deleteVideo',
        summary: 'Take a video down',
        tags: ['videos'],
        params: Params,
        querystring: Type.Object(
          { reason: Type.Optional(Type.String({ maxLength: 1_024, description: 'why' })) },
          { additionalProperties: false },
        ),
        response: { 202: { ...Appended, description: 'Durable' }, ...errorAnswers(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const before = await videoState(context, id)
      // A shard may not know it yet; then only an operator is trusted with it.
      requireActingFor(request.caller, before?.creatorId ?? '', 'id')
      const taken = {
        type: 'VideoTakenDown',
        ...stamps(),
        videoId: id,
        reason: request.query.reason ?? null,
        by: null,
      } as const
      return reply.code(202).send(await append(taken))
    },
  )
}

/** Every shard holds the catalog; the first that knows it answers. */
async function videoState({ everyShard }: RouteContext, videoId: string): Promise<VideoState | null> {
  for (const shard of everyShard()) {
    const state = await shard.video(videoId)
    if (state) return state
  }
  return null
}
