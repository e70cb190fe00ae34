// JSON over HTTP on kept-alive connections, with a bound on how many requests are under way at once.
import { Agent, request } from 'node:http'

export interface JsonReply {
  readonly status: number
  /** null where the body is empty or no JSON. */
  readonly body: unknown
}

export interface JsonClient {
  /** Rejects when no reply comes: connection refused, reset, aborted, or past the timeout. */
  send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<JsonReply>
  close(): void
}

export interface JsonClientOptions {
  readonly baseUrl: string
  /** Requests past this wait for a free connection. */
  readonly connectionsMax: number
  readonly timeoutMs: number
}

export function jsonClient(options: JsonClientOptions): JsonClient {
  const base = new URL(options.baseUrl)
  const agent = new Agent({ keepAlive: true, maxSockets: options.connectionsMax })
  return {
    send(method, path, body, signal) {
      const text = body === undefined ? null : Buffer.from(JSON.stringify(body))
      const headers = text ? { 'content-type': 'application/json', 'content-length': text.length } : {}
      return new Promise((resolve, reject) => {
        const outgoing = request(new URL(path, base), { method, agent, headers, timeout: options.timeoutMs, signal })
        outgoing.on('timeout', () => outgoing.destroy(new Error(`no reply within ${options.timeoutMs} ms`)))
        outgoing.on('error', reject)
        outgoing.on('response', (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: parsed(Buffer.concat(chunks)) }))
        })
        outgoing.end(text ?? undefined)
      })
    },
    close: () => agent.destroy(),
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}
