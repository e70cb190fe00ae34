// What a caller sees of a peer that is killed, stopped, or back again: an error in time, never a call that hangs.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemRuntime as runtime } from '../runtime/system-runtime.ts'
import { grpcRpcClient } from './grpc-rpc.ts'
import { answerOf } from './rpc-suite-fixtures.ts'

interface Peer {
  readonly process: ChildProcess
  readonly address: string
  /** The next line that it prints. */
  line(): Promise<string>
}

async function peer(t: TestContext, port = '0'): Promise<Peer> {
  const file = fileURLToPath(new URL('./echo-peer.ts', import.meta.url))
  const child = spawn(process.execPath, [file, port], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => String((await lines.next()).value)
  return { process: child, address: await line(), line }
}

function clientOf(t: TestContext, { address }: Peer) {
  const client = grpcRpcClient({ address, runtime })
  t.after(() => client.close())
  return client
}

const none = new Uint8Array(0)
/** Would outlive the test's own time. */
const endlessMs = 3_600_000

test('a call to a peer that is killed ends at once, and the next finds it restarted', async (t) => {
  const first = await peer(t)
  const client = clientOf(t, first)
  const call = assert.rejects(client.call('never', none, { deadlineMs: endlessMs }), { code: 'peer-unavailable' })
  assert.equal(await first.line(), 'called')
  first.process.kill('SIGKILL')
  await call
  await assert.rejects(client.call('echo', none, { deadlineMs: endlessMs }), { code: 'peer-unavailable' })
  await peer(t, first.address.split(':').at(-1))
  assert.equal(await answerOf(client, 'echo'), '')
})

test('a call to a peer that is stopped ends at its deadline, on a connection that is there and on a new one', async (t) => {
  const stopped = await peer(t)
  const client = clientOf(t, stopped)
  await client.call('echo', none, { deadlineMs: endlessMs })
  stopped.process.kill('SIGSTOP')
  await assert.rejects(client.call('echo', none, { deadlineMs: 150 }), { code: 'deadline-exceeded' })
  const stranger = clientOf(t, stopped)
  await assert.rejects(stranger.call('echo', none, { deadlineMs: 150 }), { code: 'deadline-exceeded' })
  stopped.process.kill('SIGCONT')
  assert.equal(await answerOf(client, 'echo'), '')
  assert.equal(await answerOf(stranger, 'echo'), '')
})

test('a connection whose peer stands still is given up long before a far deadline', async (t) => {
  const stopped = await peer(t)
  const client = clientOf(t, stopped)
  const call = assert.rejects(client.call('never', none, { deadlineMs: endlessMs }), { code: 'peer-unavailable' })
  assert.equal(await stopped.line(), 'called')
  stopped.process.kill('SIGSTOP')
  await call
  stopped.process.kill('SIGCONT')
  assert.equal(await answerOf(client, 'echo'), '')
  const gone = once(stopped.process, 'exit')
  stopped.process.kill('SIGKILL')
  await gone
})
