// WebSocket GET /v1/feed/stream: bounded in sockets, in what waits on each, and closed only after what came was answered.
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { ApiError, apiErrorStatus, errorBody, retryAfterSeconds, toApiError } from './api-errors.ts'
import { type Authenticator, bearerToken, requireActingFor } from './auth.ts'
import type { Origins } from './origins.ts'
import { bodyBytesMax, type RouteContext } from './route-context.ts'
import { errorAnswers, FeedQuery, type FeedQueryValues } from './shapes.ts'
import { type StreamAnswer, streamSession } from './stream-session.ts'
import { checkQuery } from './validation.ts'

/** A browser cannot set headers on a WebSocket: it offers this protocol and `bearer.TOKEN` beside it. */
export const streamProtocol = 'freshet.v1'
const path = '/v1/feed/stream'
/** Messages of one socket taken but not answered above which it is not read. */
const messagesWaitingMax = 8

export interface FeedStreams {
  attach(server: Server): void
  readonly open: number
  /** Answers what came, then closes every socket as going away; at most `ms`. */
  close(ms: number): Promise<void>
}

/** What a plain request gets, and the document's entry. */
export function feedStreamRoute(app: FastifyInstance): void {
  app.get<{ Querystring: FeedQueryValues }>(
    path,
    {
      schema: {
        operationId: 'openFeedStream',
        summary: 'A feed pushed ahead of need (WebSocket)',
        description:
          'Upgrade to WebSocket, offering the protocol freshet.v1 (and bearer.TOKEN where no header can be set). ' +
          'The gateway sends {from, page}: the page of GET /v1/feed whose entries are numbered from `from` on; they replace ' +
          'what was sent at those numbers and is not on screen or behind. ' +
          'The client sends the body of POST /v1/events, with an optional ref; the answer is that of POST /v1/events, or ' +
          '{error}, with the same ref. Each event may replace what was not yet played.',
        tags: ['feed'],
        querystring: FeedQuery,
        response: { 101: { description: 'Upgraded', type: 'null' }, ...errorAnswers(400, 401, 403, 426, 503) },
      },
    },
    async () => {
      throw new ApiError('upgrade-required', 'this address speaks WebSocket', 'open it as ws:// or wss://')
    },
  )
}

export function feedStreams(parts: {
  readonly context: RouteContext
  readonly authenticator: Authenticator
  readonly origins: Origins
  readonly onUnexpected: (error: unknown) => void
}): FeedStreams {
  const { context } = parts
  const { limits, runtime, metrics } = context
  const sockets = new Map<WebSocket, () => Promise<void>>()
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: bodyBytesMax,
    handleProtocols: (offered) => (offered.has(streamProtocol) ? streamProtocol : false),
  })
  let closing = false
  const alive = new WeakSet<WebSocket>()
  const stopPings = runtime.timers.every(limits.streamPingMs, () => {
    for (const socket of sockets.keys()) {
      if (!alive.delete(socket)) socket.terminate()
      else socket.ping()
    }
  })

  async function admit(request: IncomingMessage): Promise<FeedQueryValues> {
    const url = new URL(request.url ?? '/', 'http://gateway')
    if (url.pathname !== path) throw new ApiError('route-unknown', `${url.pathname} is no WebSocket`, `open ${path}`)
    if (closing) throw new ApiError('closing', 'the gateway is closing', 'connect again soon')
    parts.origins.check(request.headers)
    const query = checkQuery<FeedQueryValues>(FeedQuery, Object.fromEntries(url.searchParams))
    const caller = await parts.authenticator.authenticate(tokenOf(request))
    requireActingFor(caller, query.user, 'user')
    if (sockets.size >= limits.streamsMax) {
      metrics.turnedAway('streams')
      throw new FreshetError('overloaded', `${limits.streamsMax} feeds are open already; connect again later`)
    }
    return query
  }

  function open(socket: WebSocket, query: FeedQueryValues): void {
    let waiting = 0
    let answered: Promise<void> = Promise.resolve()
    const backlogged = () => socket.bufferedAmount > limits.streamBufferedBytesMax

    const session = streamSession({
      query,
      feeds: context.feeds,
      intake: context.intake,
      runtime,
      backlogged,
      onUnexpected: parts.onUnexpected,
      send(answer: StreamAnswer) {
        if (socket.readyState !== socket.OPEN) return
        socket.send(JSON.stringify(answer), () => {
          balance()
          void session.fill()
        })
        balance()
      },
    })
    /** Reads only while the client reads what it is sent, and what came is being answered. */
    function balance(): void {
      if (backlogged() || waiting >= messagesWaitingMax) socket.pause()
      else socket.resume()
    }

    socket.on('message', (bytes, binary) => {
      waiting++
      balance()
      const text = binary ? '' : bytes.toString()
      answered = answered
        .then(() => session.take(text))
        .finally(() => {
          waiting--
          balance()
        })
    })
    socket.on('pong', () => alive.add(socket))
    // A socket that errs closes too, and there it is cleared away.
    socket.on('error', () => {})
    socket.on('close', () => {
      session.close()
      sockets.delete(socket)
      metrics.streamsOpen(sockets.size)
    })
    alive.add(socket)
    sockets.set(socket, async () => {
      await answered
      session.close()
      socket.close(1001, 'the gateway is closing; connect again soon')
    })
    metrics.streamsOpen(sockets.size)
    void session.fill()
  }

  async function upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> {
    const onBroken = () => connection.destroy()
    connection.on('error', onBroken)
    try {
      const query = await admit(request)
      if (connection.destroyed) return
      connection.off('error', onBroken)
      server.handleUpgrade(request, connection, head, (socket) => open(socket, query))
    } catch (thrown) {
      refuse(connection, thrown)
    }
  }

  function refuse(connection: Duplex, thrown: unknown): void {
    const error = toApiError(thrown)
    if (error.code === 'internal') parts.onUnexpected(thrown)
    connection.end(rawAnswer(error))
  }

  return {
    attach: (http) => http.on('upgrade', (request, connection, head) => void upgrade(request, connection, head)),
    get open() {
      return sockets.size
    },
    async close(ms) {
      closing = true
      stopPings()
      const closed = [...sockets].map(([socket, finish]) => {
        const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
        return finish().then(() => gone)
      })
      const stop = new AbortController()
      await Promise.race([Promise.all(closed), runtime.timers.sleep(ms, stop.signal).catch(() => {})])
      stop.abort()
      for (const socket of sockets.keys()) socket.terminate()
      server.close()
    },
  }
}

function tokenOf(request: IncomingMessage): string | null {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim())
  const inProtocol = offered.find((protocol) => protocol.startsWith('bearer.'))
  return bearerToken(request.headers.authorization) ?? inProtocol?.slice('bearer.'.length) ?? null
}

/** An error as the bytes of an HTTP answer, for where no framework stands between. */
export function rawAnswer(error: ApiError): string {
  const status = apiErrorStatus[error.code]
  const body = JSON.stringify(errorBody(error))
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    ...(status === 503 ? [`Retry-After: ${retryAfterSeconds}`] : []),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}
