// Answers remote calls over gRPC: raw bytes under free method names. Past its limit of calls it refuses at once; closing
// lets the calls under way finish, for a while.

import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { asBuffer, asGiven, tooLarge } from './grpc-message.ts'
import {
  callsInFlightMaxDefault,
  messageBytesMaxDefault,
  serverOptions,
  servicePath,
  statusKey,
} from './grpc-options.ts'
import type { RpcMethod, RpcServer, RpcServerOptions } from './rpc.ts'
import { encodeStatus } from './rpc-status.ts'

export interface GrpcRpcServerOptions extends RpcServerOptions {
  readonly runtime: Pick<Runtime, 'timers'>
  /** How long `close` waits for calls under way. */
  readonly closeMsMax?: number
}

/** Enough for answers that are written and not yet sent. */
const goodbyeMsMax = 200

/** Resolves once it listens. Rejects with `config-invalid` where the address cannot be had. */
export async function grpcRpcServer(options: GrpcRpcServerOptions): Promise<RpcServer> {
  const { host, port, methods, runtime } = options
  const { callsInFlightMax = callsInFlightMaxDefault, messageBytesMax = messageBytesMaxDefault } = options
  const server = new Server(serverOptions(messageBytesMax))
  const underWay = new Set<AbortController>()
  /** Also those whose callers have gone: they still take their share of the process. */
  let running = 0
  let closing: Promise<void> | null = null

  async function answer(method: RpcMethod, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    running++
    try {
      const response = await method(request, { signal })
      if (response.byteLength > messageBytesMax) throw tooLarge(response.byteLength, messageBytesMax)
      return response
    } finally {
      running--
    }
  }

  async function serve(
    method: RpcMethod,
    call: ServerUnaryCall<Uint8Array, Uint8Array>,
    respond: sendUnaryData<Uint8Array>,
  ): Promise<void> {
    if (closing)
      return refuse(respond, new FreshetError('peer-unavailable', 'the process asked is stopping; ask again'))
    if (running >= callsInFlightMax) return refuse(respond, tooMany(callsInFlightMax))
    const control = new AbortController()
    underWay.add(control)
    const { signal } = control
    const gone = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    // It comes after every answer, too.
    call.on('cancelled', () => {
      if (underWay.has(control)) control.abort(new FreshetError('stopped', 'the caller has gone'))
    })
    try {
      const response = await Promise.race([answer(method, call.request, signal), gone])
      if (!call.cancelled) respond(null, response)
    } catch (thrown) {
      if (!call.cancelled) refuse(respond, thrown)
    } finally {
      underWay.delete(control)
    }
  }

  for (const [name, method] of Object.entries(methods)) {
    server.register(
      `${servicePath}${name}`,
      (call: ServerUnaryCall<Uint8Array, Uint8Array>, respond: sendUnaryData<Uint8Array>) => {
        void serve(method, call, respond)
      },
      asBuffer,
      asGiven,
      'unary',
    )
  }

  async function close(): Promise<void> {
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
    await within(drained, options.closeMsMax ?? 5_000)
    for (const control of underWay) control.abort(stopping())
    // A connection that is torn down with a call on it is not always noticed at the other end: say goodbye first.
    await within(drained, goodbyeMsMax)
    server.forceShutdown()
  }

  async function within(done: Promise<void>, ms: number): Promise<void> {
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = runtime.timers.after(ms, resolve)
    })
    await Promise.race([done, late])
    cancel()
  }

  const shownHost = host.includes(':') ? `[${host}]` : host
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${shownHost}:${port}`, ServerCredentials.createInsecure(), (cause, boundPort) => {
      if (!cause) return resolve(boundPort)
      reject(new FreshetError('config-invalid', `cannot listen on ${host}:${port}; choose another address`, { cause }))
    })
  })
  return {
    address: `${shownHost}:${bound}`,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

function stopping(): FreshetError {
  return new FreshetError('peer-unavailable', 'the process that was asked is stopping; ask again')
}

function tooMany(callsInFlightMax: number): FreshetError {
  return new FreshetError('overloaded', `${callsInFlightMax} calls are under way; ask again, more slowly`, {
    details: { callsInFlightMax },
  })
}

function refuse(respond: sendUnaryData<Uint8Array>, thrown: unknown): void {
  const metadata = new Metadata()
  metadata.set(statusKey, Buffer.from(encodeStatus(thrown)))
  respond({ code: status.UNKNOWN, details: 'refused', metadata })
}
