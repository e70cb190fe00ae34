// What the suites of remote calls share: the shape of a driver under test, and a pair of ends of it.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { FreshetError } from '../runtime/errors.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import type { RpcClient, RpcMethod, RpcServer, RpcServerOptions } from './rpc.ts'

export interface RpcDriver {
  readonly name: string
  listen(options: RpcServerOptions): Promise<RpcServer>
  connect(address: string, messageBytesMax?: number): RpcClient
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
/** Longer than any call of a test takes. */
export const deadlineMs = 20_000

/** A server of these methods and a client of it, closed after the test. */
export async function pairOf(
  driver: RpcDriver,
  t: TestContext,
  methods: Record<string, RpcMethod>,
  limits: Partial<RpcServerOptions> = {},
): Promise<{ readonly server: RpcServer; readonly client: RpcClient }> {
  const server = await driver.listen({ host: '127.0.0.1', port: 0, methods, ...limits })
  const client = driver.connect(server.address)
  t.after(async () => {
    await client.close()
    await server.close()
  })
  return { server, client }
}

/** Asks until the peer answers. */
export async function answerOf(client: RpcClient, method: string): Promise<string> {
  for (;;) {
    const answer = await client.call(method, bytesOf(''), { deadlineMs: 1_000 }).then(textOf, (error: FreshetError) => {
      assert.ok(['peer-unavailable', 'deadline-exceeded'].includes(error.code), error.message)
      return null
    })
    if (answer !== null) return answer
    // A refused call answers at once: others must get their turn.
    await nextTurn()
  }
}
