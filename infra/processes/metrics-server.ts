// /metrics, /healthz and /readyz of a process that has no gateway to answer them.
import { createServer } from 'node:http'
import { FreshetError } from '../../streams/runtime/errors.ts'

export interface MetricsServer {
  /** e.g. http://127.0.0.1:9100 */
  readonly url: string
  close(): Promise<void>
}

export interface MetricsServerOptions {
  readonly host: string
  /** 0: one that is free. */
  readonly port: number
  text(): Promise<string>
  ready(): Promise<boolean>
}

/** Listens when it resolves. Rejects with config-invalid where the address cannot be had. */
export async function metricsServer({ host, port, text, ready }: MetricsServerOptions): Promise<MetricsServer> {
  const answers: Readonly<Record<string, () => Promise<{ status: number; type: string; body: string }>>> = {
    '/metrics': async () => ({ status: 200, type: 'text/plain; version=0.0.4', body: await text() }),
    '/healthz': async () => ({ status: 200, type: 'application/json', body: '{"status":"ok"}' }),
    '/readyz': async () => {
      const isReady = await ready()
      return { status: isReady ? 200 : 503, type: 'application/json', body: JSON.stringify({ ready: isReady }) }
    },
  }
  const server = createServer(async (request, response) => {
    const answer = answers[request.url?.split('?')[0] ?? '']
    const said = await answer?.().catch((error: Error) => ({ status: 500, type: 'text/plain', body: error.message }))
    response.writeHead(said?.status ?? 404, { 'content-type': said?.type ?? 'text/plain' })
    response.end(said?.body ?? 'ask for /metrics, /healthz or /readyz\n')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new FreshetError('config-invalid', `metrics: cannot listen on ${host}:${port}; set metrics.port`, { cause }),
      ),
    )
    server.listen(port, host, resolve)
  })
  const address = server.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
