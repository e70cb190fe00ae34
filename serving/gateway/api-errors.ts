// Every error a client can get: one closed list of codes, one body shape, a remedy in each.
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { FreshetError } from '../../streams/runtime/errors.ts'

/** Code to HTTP status. 503 comes with Retry-After. */
export const apiErrorStatus = {
  'invalid-request': 400,
  'malformed-json': 400,
  'malformed-request': 400,
  'bad-cursor': 400,
  unauthenticated: 401,
  forbidden: 403,
  'route-unknown': 404,
  'video-unknown': 404,
  'request-unknown': 404,
  'body-too-large': 413,
  'too-many-events': 413,
  'unsupported-media-type': 415,
  'upgrade-required': 426,
  'header-too-large': 431,
  internal: 500,
  overloaded: 503,
  'log-unavailable': 503,
  'shard-unavailable': 503,
  'not-ready': 503,
  closing: 503,
} as const
export type ApiErrorCode = keyof typeof apiErrorStatus

export interface ErrorBody {
  readonly error: {
    readonly code: ApiErrorCode
    readonly message: string
    readonly field?: string
    readonly remedy: string
  }
}

export const retryAfterSeconds = 1

/** An answer other than the one asked for. */
export class ApiError extends Error {
  readonly code: ApiErrorCode
  readonly remedy: string
  readonly field: string | undefined

  constructor(code: ApiErrorCode, message: string, remedy: string, field?: string) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.remedy = remedy
    this.field = field
  }
}

export function errorBody(error: ApiError): ErrorBody {
  const { code, message, remedy, field } = error
  return { error: field === undefined ? { code, message, remedy } : { code, message, field, remedy } }
}

/** What the client is told of any thrown value. Inner details of an unexpected one stay inside. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  if (thrown instanceof FreshetError) return fromFreshetError(thrown)
  const framework = (thrown ?? {}) as Partial<FastifyError>
  switch (framework.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiError('body-too-large', 'the body is larger than the limit', 'send at most 1 MiB a request')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiError(
        'unsupported-media-type',
        'the body is not declared as JSON',
        'send Content-Type: application/json',
      )
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new ApiError('malformed-json', 'the body is not JSON', 'send one JSON object as UTF-8')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new ApiError('malformed-request', 'Content-Length is not the size of the body', 'send its size in bytes')
    default:
  }
  if (thrown instanceof SyntaxError && framework.statusCode === 400) {
    return new ApiError('malformed-json', `the body is not JSON: ${thrown.message}`, 'send one JSON object as UTF-8')
  }
  if (framework.statusCode !== undefined && framework.statusCode < 500) {
    return new ApiError('malformed-request', framework.message ?? 'the request cannot be read', 'see /openapi.json')
  }
  return new ApiError('internal', 'something went wrong here', 'try again; if it stays, look at the process log')
}

function fromFreshetError(error: FreshetError): ApiError {
  const wait = `try again after ${retryAfterSeconds} s; events with the same eventId take effect once`
  switch (error.code) {
    case 'overloaded':
      return new ApiError('overloaded', error.message, wait)
    case 'log-unavailable':
    case 'log-closed':
      return new ApiError('log-unavailable', 'the log takes no records now', wait)
    case 'shard-unavailable':
    case 'stopped':
      return new ApiError('shard-unavailable', 'no shard of this user answers now', wait)
    default:
      return new ApiError('internal', 'something went wrong here', 'try again; if it stays, look at the process log')
  }
}

/** Makes every error of the app, framework's own included, one body shape. */
export function answerErrors(app: FastifyInstance, onUnexpected: (error: unknown) => void): void {
  app.setErrorHandler((thrown, _request, reply) => {
    const error = toApiError(thrown)
    if (error.code === 'internal') onUnexpected(thrown)
    return sendError(reply, error)
  })
  app.setNotFoundHandler((request, reply) =>
    sendError(
      reply,
      new ApiError(
        'route-unknown',
        `there is no ${request.method} ${request.url.split('?')[0]}`,
        'see /openapi.json for the calls there are',
      ),
    ),
  )
}

export function sendError(reply: FastifyReply, error: ApiError): FastifyReply {
  const status = apiErrorStatus[error.code]
  if (status === 503) reply.header('retry-after', String(retryAfterSeconds))
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  return reply.code(status).type('application/json; charset=utf-8').send(errorBody(error))
}
