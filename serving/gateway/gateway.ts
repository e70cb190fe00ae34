// The door of Freshet: HTTP and WebSocket outside, the log and the serving shards inside. An event is acknowledged when it
// is durable, a page is in the log before it goes out or says that it is not, and every refusal names its remedy.
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import { assert } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { ServingShard } from '../shard.ts'
import { ApiError, answerErrors, sendError, toApiError } from './api-errors.ts'
import { authenticator, bearerToken, type Caller, type JwtOptions } from './auth.ts'
import { connections } from './connections.ts'
import { eventIntake } from './event-intake.ts'
import { eventsRoute } from './events-route.ts'
import { feedRoute } from './feed-route.ts'
import { feedService } from './feed-service.ts'
import { feedStreamRoute, feedStreams, rawAnswer } from './feed-stream.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import { inFlightLimit } from './in-flight-limit.ts'
import { operationsRoute } from './operations-route.ts'
import { answerCrossOrigin, origins } from './origins.ts'
import { requestOwners } from './request-owners.ts'
import { requestsRoute } from './requests-route.ts'
import { bodyBytesMax, defaultLimits, type GatewayLimits, type Readiness, type RouteContext } from './route-context.ts'
import { servedLog } from './served-log.ts'
import { idLengthMax } from './shapes.ts'
import { type GatewayLog, userLog } from './user-log.ts'
import { usersRoute } from './users-route.ts'
import { validatorCompiler } from './validation.ts'
import { videosRoute } from './videos-route.ts'
import { type WebFiles, webRoute } from './web-route.ts'

export interface GatewayOptions {
  readonly log: GatewayLog
  /** The shard that serves a user. */
  readonly shards: (userId: string) => ServingShard
  /** All of them, where there are several: for questions that name no user. */
  readonly everyShard?: () => readonly ServingShard[]
  readonly runtime: Runtime
  /** Partitions of `interactions`. */
  readonly partitions: number
  readonly metrics: GatewayMetrics
  /** Metrics of other threads, in the same text format, without names of the gateway's. */
  readonly moreMetrics?: () => string | Promise<string>
  readonly ready: () => boolean | Readiness | Promise<boolean | Readiness>
  readonly host: string
  /** 0: one that is free. */
  readonly port: number
  readonly authMode: 'none' | 'jwt'
  readonly jwt?: JwtOptions
  /** Origins of pages elsewhere that may call, e.g. https://app.example. */
  readonly allowedOrigins?: readonly string[]
  readonly web?: WebFiles
  readonly limits?: Partial<GatewayLimits>
  /** Told of every error that is no one's refusal: for the process log. */
  readonly onUnexpected?: (error: unknown) => void
}

export interface Gateway {
  /** e.g. http://127.0.0.1:8080 */
  readonly url: string
  readonly port: number
  /** Takes nothing new, answers what is in flight, closes sockets, and waits for page records on their way to the log, at
   *  most limits.closeMs. Returns how many of those were left behind. */
  close(): Promise<{ readonly pageRecordsLost: number }>
}

/** Listens when it resolves. Rejects with config-invalid for settings that leave it open or cannot work. */
export async function gateway(options: GatewayOptions): Promise<Gateway> {
  const { app, close } = await gatewayApp(options)
  await app.listen({ host: options.host, port: options.port })
  const address = app.server.address()
  assert(typeof address === 'object' && address !== null, 'a gateway listens on a port')
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return { url: `http://${host}:${address.port}`, port: address.port, close }
}

/** The gateway before it listens: for tests that inject requests. */
export async function gatewayApp(options: GatewayOptions): Promise<{
  readonly app: FastifyInstance
  close(): Promise<{ readonly pageRecordsLost: number }>
}> {
  const { runtime, metrics, shards } = options
  const limits: GatewayLimits = { ...defaultLimits, ...options.limits }
  const onUnexpected = options.onUnexpected ?? (() => {})
  const auth = await authenticator({
    mode: options.authMode,
    jwt: options.jwt,
    host: options.host,
    clock: runtime.clock,
  })
  const knownOrigins = origins(options.authMode, options.allowedOrigins ?? [])

  const appends = inFlightLimit('appends', limits.appendsInFlightMax, metrics.appendsInFlight, metrics.turnedAway)
  const ownWrites = userLog({
    log: options.log,
    timers: runtime.timers,
    appends,
    appendDeadlineMs: limits.appendDeadlineMs,
    partitions: options.partitions,
    usersMax: limits.usersRememberedMax,
  })
  const served = servedLog({
    userLog: ownWrites,
    runtime,
    metrics,
    deadlineMs: limits.servedDeadlineMs,
    waitingMax: limits.servedWaitingMax,
    onUnexpected,
  })
  const owners = requestOwners(limits.requestsRememberedMax)
  const feedsInFlight = inFlightLimit(
    'feed requests',
    limits.feedsInFlightMax,
    metrics.feedsInFlight,
    metrics.turnedAway,
  )
  const context: RouteContext = {
    runtime,
    shards,
    everyShard: options.everyShard ?? (() => [shards('')]),
    userLog: ownWrites,
    intake: eventIntake({ userLog: ownWrites, runtime, metrics }),
    feeds: feedService({
      shards,
      userLog: ownWrites,
      servedLog: served,
      owners,
      runtime,
      metrics,
      feeds: feedsInFlight,
      shardDeadlineMs: limits.shardDeadlineMs,
    }),
    owners,
    metrics,
    limits,
  }

  const app = bareApp()
  const streams = feedStreams({ context, authenticator: auth, origins: knownOrigins, onUnexpected })
  let closing = false
  answerErrors(app, onUnexpected)
  app.addHook('onRequest', async () => {
    if (closing) throw new ApiError('closing', 'the gateway is closing', 'connect again soon')
  })
  answerCrossOrigin(app, knownOrigins)
  await app.register(swagger, { openapi: document })
  await app.register(async (v1) => {
    v1.decorateRequest('caller', null as unknown as Caller)
    v1.addHook('onRequest', async (request) => {
      request.caller = await auth.authenticate(bearerToken(request.headers.authorization))
    })
    eventsRoute(v1, context)
    feedRoute(v1, context)
    feedStreamRoute(v1)
    videosRoute(v1, context)
    usersRoute(v1, context)
    requestsRoute(v1, context)
  })
  operationsRoute(app, { metrics, moreMetrics: options.moreMetrics ?? (() => ''), ready: options.ready })
  if (options.web) webRoute(app, options.web)
  streams.attach(app.server)
  const open = connections(app.server, runtime.timers)
  await app.ready()

  return {
    app,
    async close() {
      closing = true
      await streams.close(limits.closeMs)
      await open.closeWith(() => app.close(), limits.closeMs)
      return { pageRecordsLost: await served.drain(limits.closeMs) }
    },
  }
}

function bareApp(): FastifyInstance {
  const app = fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    // Asking for a page has effects, also when only its headers are wanted.
    exposeHeadRoutes: false,
    return503OnClosing: false,
    // An id of the longest kind, each byte of it escaped.
    routerOptions: { maxParamLength: idLengthMax * 9 },
    frameworkErrors: (error, _request, reply) => void sendError(reply, toApiError(error)),
    clientErrorHandler(error, socket) {
      if (error.code === 'ECONNRESET' || socket.destroyed) return
      const refused =
        error.code === 'HPE_HEADER_OVERFLOW'
          ? new ApiError('header-too-large', 'the headers are larger than 16 KiB', 'send fewer or shorter ones')
          : new ApiError('malformed-request', 'this is not an HTTP request', 'speak HTTP/1.1')
      socket.end(rawAnswer(refused))
    },
  })
  app.setValidatorCompiler(validatorCompiler)
  // Handlers answer what their types say; a serializer by schema would silently drop what the schema forgot.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer))
  return app
}

const document: NonNullable<FastifyDynamicSwaggerOptions['openapi']> = {
  openapi: '3.1.0',
  info: {
    title: 'Freshet',
    version: '1',
    description:
      'Events in, feeds out. Times are UTC milliseconds. Every error is {error: {code, message, field?, remedy}}.',
  },
  components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
  tags: [{ name: 'events' }, { name: 'feed' }, { name: 'videos' }, { name: 'users' }, { name: 'operations' }],
}
