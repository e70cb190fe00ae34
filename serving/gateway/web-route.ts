// Serves the files of a web page, as they are in memory.
import type { FastifyInstance } from 'fastify'

export interface WebFile {
  readonly contentType: string
  readonly bytes: Uint8Array
}
/** By path, `/` first of all. */
export type WebFiles = ReadonlyMap<string, WebFile>

const contentPolicy =
  "default-src 'self'; img-src * data:; media-src *; connect-src 'self' ws: wss:; frame-ancestors 'none'"

export function webRoute(app: FastifyInstance, files: WebFiles): void {
  for (const [path, { contentType, bytes }] of files) {
    app.get(path, { schema: { hide: true } }, async (_request, reply) =>
      reply
        .type(contentType)
        .header('cache-control', 'no-cache')
        .header('content-security-policy', contentPolicy)
        .header('x-content-type-options', 'nosniff')
        .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    )
  }
}
