// Which pages in a browser may call: the gateway's own, and those listed. Without tokens nothing else tells a user's page
// from a stranger's, so a foreign Origin, or a Host that is not this machine (DNS rebinding), is refused.
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { ApiError } from './api-errors.ts'
import { isLoopback } from './auth.ts'

export interface Origins {
  /** Throws forbidden. */
  check(headers: IncomingHttpHeaders): void
  allowed(origin: string): boolean
}

export function origins(authMode: 'none' | 'jwt', allowedOrigins: readonly string[]): Origins {
  const allowed = (origin: string) => allowedOrigins.includes(origin)
  return {
    allowed,
    check({ host, origin }) {
      if (authMode !== 'none') return
      const own = URL.parse(`http://${host ?? ''}`)
      if (!own || !isLoopback(own.hostname)) {
        throw new ApiError(
          'forbidden',
          `${host} is not a name of this machine`,
          'call http://127.0.0.1, or set auth.mode to jwt',
        )
      }
      if (origin === undefined || allowed(origin) || URL.parse(origin)?.host === host) return
      throw new ApiError('forbidden', `pages of ${origin} may not call`, `list it in gateway.allowedOrigins`)
    },
  }
}

/** Answers preflights and marks answers for listed origins. */
export function answerCrossOrigin(app: FastifyInstance, known: Origins): void {
  app.addHook('onRequest', async (request, reply) => {
    known.check(request.headers)
    const { origin } = request.headers
    if (origin === undefined || !known.allowed(origin)) return
    reply.header('access-control-allow-origin', origin).header('vary', 'origin')
    if (request.method !== 'OPTIONS') return
    return reply
      .header('access-control-allow-methods', 'GET, POST, PUT, DELETE')
      .header('access-control-allow-headers', 'authorization, content-type')
      .header('access-control-max-age', '600')
      .code(204)
      .send()
  })
}
