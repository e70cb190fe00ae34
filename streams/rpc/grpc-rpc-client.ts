// Calls one peer over gRPC. A call ends: with its answer, the peer's error, `peer-unavailable` as soon as the connection is
// refused or lost, `deadline-exceeded`, or `stopped` where the caller gave up.

import { Client, type ClientUnaryCall, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { asBuffer, asGiven, tooLarge } from './grpc-message.ts'
import { clientOptions, messageBytesMaxDefault, servicePath, statusKey } from './grpc-options.ts'
import type { RpcCallOptions, RpcClient } from './rpc.ts'
import { decodeStatus } from './rpc-status.ts'

export interface GrpcRpcClientOptions {
  /** host:port */
  readonly address: string
  /** Deadlines are points of its real time. */
  readonly runtime: Pick<Runtime, 'clock'>
  readonly messageBytesMax?: number
}

export function grpcRpcClient(options: GrpcRpcClientOptions): RpcClient {
  const { address, runtime, messageBytesMax = messageBytesMaxDefault } = options
  const client = new Client(address, credentials.createInsecure(), clientOptions(messageBytesMax))
  const underWay = new Set<ClientUnaryCall>()
  let closed = false

  function call(method: string, request: Uint8Array, { deadlineMs, signal }: RpcCallOptions): Promise<Uint8Array> {
    if (closed || signal?.aborted) return Promise.reject(gaveUp(address, signal?.reason))
    if (request.byteLength > messageBytesMax) return Promise.reject(tooLarge(request.byteLength, messageBytesMax))
    return new Promise((resolve, reject) => {
      const onAbort = () => running.cancel()
      const running = client.makeUnaryRequest(
        `${servicePath}${method}`,
        asBuffer,
        asGiven,
        request,
        new Metadata(),
        { deadline: runtime.clock.nowMs() + deadlineMs },
        (failure, response) => {
          underWay.delete(running)
          signal?.removeEventListener('abort', onAbort)
          if (closed || signal?.aborted) reject(gaveUp(address, signal?.reason))
          else if (failure) reject(errorOf(failure, address, method, deadlineMs))
          else resolve(response!)
        },
      )
      underWay.add(running)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  return {
    address,
    call,
    async close() {
      closed = true
      for (const running of underWay) running.cancel()
      client.close()
    },
  }
}

function gaveUp(address: string, cause: unknown): FreshetError {
  return new FreshetError('stopped', `the call to ${address} was given up; ask again if it is still wanted`, { cause })
}

function errorOf(failure: ServiceError, address: string, method: string, deadlineMs: number): FreshetError {
  const [own] = failure.metadata?.get(statusKey) ?? []
  const sent = own instanceof Uint8Array ? decodeStatus(own) : null
  if (sent) return sent
  const details = { address, method }
  const cause = failure
  switch (failure.code) {
    case status.DEADLINE_EXCEEDED:
      return new FreshetError(
        'deadline-exceeded',
        `${address} did not answer ${method} within ${deadlineMs} ms; ask again`,
        {
          details,
          cause,
        },
      )
    case status.UNIMPLEMENTED:
      return new FreshetError('usage', `${address} has no method ${method}; ask a process that offers it`, {
        details,
        cause,
      })
    case status.RESOURCE_EXHAUSTED:
      return new FreshetError('record-too-large', `${address}, ${method}: ${failure.details}; ask for less`, {
        details,
        cause,
      })
    default:
      return new FreshetError('peer-unavailable', `${address} cannot be asked: ${failure.details}; see that it runs`, {
        details,
        cause,
      })
  }
}
