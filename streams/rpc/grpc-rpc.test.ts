// The gRPC driver keeps what the port promises, and says what the port leaves open.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FreshetError } from '../runtime/errors.ts'
import { systemRuntime } from '../runtime/system-runtime.ts'
import { grpcRpcClient, grpcRpcServer } from './grpc-rpc.ts'
import { describeRpc } from './rpc.suite.ts'
import { describeRpcPeers } from './rpc-peers.suite.ts'
import { decodeStatus, encodeStatus } from './rpc-status.ts'
import type { RpcDriver } from './rpc-suite-fixtures.ts'

const runtime = systemRuntime

const driver: RpcDriver = {
  name: 'gRPC',
  listen: (options) => grpcRpcServer({ ...options, runtime }),
  connect: (address, messageBytesMax) =>
    grpcRpcClient({ address, runtime, ...(messageBytesMax === undefined ? {} : { messageBytesMax }) }),
}
describeRpc(driver)
describeRpcPeers(driver)

test('closing waits for a call that never ends a bounded time, then tells it', async () => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<AbortSignal>()
  const methods = {
    never: (_request: Uint8Array, { signal }: { signal: AbortSignal }) => {
      arrive(signal)
      return new Promise<Uint8Array>(() => {})
    },
  }
  const server = await grpcRpcServer({ host: '127.0.0.1', port: 0, methods, runtime, closeMsMax: 20 })
  const client = grpcRpcClient({ address: server.address, runtime })
  const call = client.call('never', new Uint8Array(1), { deadlineMs: 3_600_000 })
  const rejected = assert.rejects(call, { code: 'peer-unavailable' })
  const signal = await arrived
  await server.close()
  assert.ok(signal.aborted)
  await rejected
  await client.close()
})

test('a status comes back as it went; what is none is no status', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 200 }),
      fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }),
      (message, details) => {
        const plain = JSON.parse(JSON.stringify(details)) as Record<string, unknown>
        const back = decodeStatus(encodeStatus(new FreshetError('overloaded', message, { details: plain })))!
        assert.equal(back.message, message)
        if (JSON.stringify({ message, plain }).length < 1_000) assert.deepEqual({ ...back.details }, { ...plain })
      },
    ),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => decodeStatus(bytes) === null))
  for (const text of ['{}', 'null', '[]', '{"code":"toString","message":""}', '{"code":"stopped","message":1}']) {
    assert.equal(decodeStatus(new TextEncoder().encode(text)), null, text)
  }
})
