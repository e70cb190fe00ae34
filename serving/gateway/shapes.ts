// Pieces of the API's schemas that several routes share.
import { Type } from 'typebox'
import { apiErrorStatus } from './api-errors.ts'

export const idLengthMax = 256

export const Id = (description: string) => Type.String({ minLength: 1, maxLength: idLengthMax, description })

export const Attributes = Type.Record(Type.String(), Type.Union([Type.Number(), Type.String({ maxLength: 1_024 })]), {
  maxProperties: 64,
  description: 'open attributes: numbers and strings by name, at most 64',
})

export const ErrorShape = Type.Object(
  {
    error: Type.Object({
      code: Type.Enum(Object.keys(apiErrorStatus)),
      message: Type.String(),
      field: Type.Optional(Type.String({ description: 'path of the field that does not fit' })),
      remedy: Type.String({ description: 'what to do about it' }),
    }),
  },
  { title: 'Error' },
)

/** The error answers of a route, for its document. */
export function errorAnswers(...statuses: readonly number[]): Record<number, object> {
  const answers: Record<number, object> = {}
  for (const status of statuses) answers[status] = { ...ErrorShape, description: wordsByStatus[status] ?? 'error' }
  return answers
}

const wordsByStatus: Record<number, string> = {
  400: 'The request does not fit its schema',
  401: 'No valid token',
  403: 'The token is not for this',
  404: 'Not known here',
  413: 'Too much at once',
  415: 'The body is not JSON',
  426: 'This address speaks WebSocket',
  503: 'Overloaded, starting or closing: try again after Retry-After seconds',
}

export const Appended = Type.Object(
  { eventId: Type.String({ description: 'id of the event that was appended' }) },
  { title: 'Appended' },
)

export const Playback = Type.Object(
  {
    mp4: Type.Optional(Type.String()),
    hls: Type.Optional(Type.String()),
    poster: Type.Optional(Type.String()),
    durationMs: Type.Integer(),
    preload: Type.Optional(Type.String()),
  },
  { title: 'Playback' },
)

export const FeedEntryShape = Type.Object(
  {
    videoId: Type.String(),
    position: Type.Integer({ minimum: 0 }),
    creatorId: Type.String(),
    source: Type.String({ description: 'source that brought it' }),
    scores: Type.Optional(
      Type.Record(Type.String(), Type.Number(), { description: 'with explain: head probabilities and stage scores' }),
    ),
    reasons: Type.Optional(Type.Array(Type.String(), { description: 'with explain: reasons in words' })),
    playback: Playback,
  },
  { title: 'FeedEntry' },
)

export const FeedPageShape = Type.Object(
  {
    requestId: Type.String(),
    entries: Type.Array(FeedEntryShape),
    cursor: Type.Union([Type.String(), Type.Null()], { description: 'null: nothing more to show now' }),
    versions: Type.Object({
      log: Type.Record(Type.String(), Type.Integer()),
      model: Type.String(),
      policy: Type.Integer(),
    }),
    unlogged: Type.Optional(
      Type.Boolean({ description: 'true: the page went out before its record was acknowledged; it is appended later' }),
    ),
  },
  { title: 'FeedPage' },
)

export const FeedQuery = Type.Object(
  {
    user: Id('the user whose feed it is'),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 50, default: 10, description: 'entries a page, 1 to 50' }),
    ),
    feed: Type.Optional(Type.Enum(['foryou', 'following'], { default: 'foryou', description: 'foryou or following' })),
    cursor: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2_048,
        description: 'the cursor of the page before; without it a session starts',
      }),
    ),
    surface: Type.Optional(Type.String({ maxLength: 64, default: 'app', description: 'where in the app' })),
    device: Type.Optional(Type.String({ maxLength: 64, default: 'unknown', description: 'kind of device' })),
    network: Type.Optional(Type.String({ maxLength: 64, default: 'unknown', description: 'kind of network' })),
    language: Type.Optional(Type.String({ maxLength: 64, description: "instead of the profile's" })),
    region: Type.Optional(Type.String({ maxLength: 64, description: "instead of the profile's" })),
    explain: Type.Optional(
      Type.Enum(['0', '1', 'false', 'true'], { default: '0', description: '1: scores and reasons per entry' }),
    ),
  },
  { additionalProperties: false },
)

/** A query that fits FeedQuery, defaults filled in. */
export interface FeedQueryValues {
  readonly user: string
  readonly limit: number
  readonly feed: 'foryou' | 'following'
  readonly cursor?: string
  readonly surface: string
  readonly device: string
  readonly network: string
  readonly language?: string
  readonly region?: string
  readonly explain: '0' | '1' | 'false' | 'true'
}
