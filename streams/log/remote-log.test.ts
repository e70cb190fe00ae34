// The log over both transports against the suite, and what happens when an end goes away.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { nextTurn } from '../runtime/next-turn.ts'
import { simulatedDisk } from '../runtime/simulated-disk.ts'
import { systemDisk } from '../runtime/system-disk.ts'
import { systemRuntime } from '../runtime/system-runtime.ts'
import { type EmbeddedLog, embeddedLog } from './embedded-log.ts'
import { describeLog } from './log.suite.ts'
import { type Log, offsetOf, partitionOf } from './log.ts'
import type { LogChannel } from './log-channel.ts'
import { serveLog } from './log-server.ts'
import { freshTopic, type LogUnderTest, recordOf, textOf } from './log-suite-fixtures.ts'
import { portChannel } from './port-channel.ts'
import { remoteLog } from './remote-log.ts'
import { connectToLog, listenForLogClients } from './socket-channel.ts'

const limits = { recordBytesMax: 200_000, inFlightBytesMax: 400_000, segmentBytesMax: 20_000 }
const folder = mkdtempSync(join(tmpdir(), 'freshet-remote-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let sockets = 0

/** A way to a log, and how to end what serves it. */
interface Connection {
  readonly channel: LogChannel
  end(): Promise<void>
}
type Transport = (log: Log) => Promise<Connection>

const overPort: Transport = async (log) => {
  const { port1, port2 } = new MessageChannel()
  const served = serveLog(log, portChannel(port1))
  return { channel: portChannel(port2), end: () => served.close() }
}
const overSocket: Transport = async (log) => {
  const path = join(folder, `${sockets++}.socket`)
  const listener = await listenForLogClients(log, path, systemDisk)
  return { channel: await connectToLog(path), end: () => listener.close() }
}

async function make(transport: Transport): Promise<LogUnderTest> {
  let shiftMs = 0
  const clock = { ...systemRuntime.clock, nowMs: () => systemRuntime.clock.nowMs() + shiftMs }
  const disk = simulatedDisk()
  const runtime = { ...systemRuntime, clock }
  const open = () => embeddedLog({ disk, directory: '/log', runtime, maintainEveryMs: 0, ...limits })
  let owner: EmbeddedLog = await open()
  let connection = await transport(owner)
  const close = async () => {
    await under.log.close()
    await connection.end()
    await owner.close()
  }
  const under: LogUnderTest = {
    log: remoteLog(connection.channel, limits),
    async reopen() {
      await close()
      owner = await open()
      connection = await transport(owner)
      under.log = remoteLog(connection.channel, limits)
    },
    dispose: close,
    maintenance: {
      kind: 'on-demand',
      advanceClock: (ms) => {
        shiftMs += ms
      },
      run: () => owner.maintain(),
    },
  }
  return under
}

describeLog({ name: 'remote, message port', make: () => make(overPort), ...limits })
describeLog({ name: 'remote, socket', make: () => make(overSocket), ...limits })

for (const [name, transport] of [
  ['message port', overPort],
  ['socket', overSocket],
] as const) {
  it(`ends a lost client's readers and memberships: ${name}`, async () => {
    const owner = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime: systemRuntime })
    const topic = freshTopic()
    await owner.ensureTopic(topic)
    const { channel, end } = await transport(owner)
    const client = remoteLog(channel)
    const position = { topic: topic.name, partition: partitionOf(0), from: offsetOf(0) }
    const waiting = (await client.openReader(position)).next({ recordsMax: 1, waitMsMax: 600_000 })
    const lost = assert.rejects(waiting, { code: 'log-unavailable' })
    await new Promise<void>((resolve) => {
      const onAssigned = async () => resolve()
      void client.joinGroup({ group: 'g', topics: [topic.name], onAssigned, onRevoked: async () => {} })
    })
    const taken = new Promise<void>((resolve) => {
      const onAssigned = async () => resolve()
      void owner.joinGroup({ group: 'g', topics: [topic.name], onAssigned, onRevoked: async () => {} })
    })
    await nextTurn()
    channel.close()
    await lost
    await taken
    await assert.rejects(client.bounds(position), { code: 'log-unavailable' })
    await end()
    await owner.close()
  })
}

it('moves large records both ways, also several readers at once', async () => {
  const owner = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime: systemRuntime })
  const topic = freshTopic()
  await owner.ensureTopic(topic)
  const { channel, end } = await overSocket(owner)
  const client = remoteLog(channel)
  const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(100_000))
  await client.append(
    topic.name,
    texts.map((text) => recordOf(text)),
  )
  const read = async () => {
    const reader = await client.openReader({ topic: topic.name, partition: partitionOf(0), from: offsetOf(0) })
    const got: string[] = []
    while (got.length < texts.length) got.push(...(await reader.next({ recordsMax: 7, waitMsMax: 60_000 })).map(textOf))
    return got
  }
  for (const got of await Promise.all([read(), read(), read()])) assert.deepEqual(got, texts)
  await client.close()
  await end()
  await owner.close()
})

it('says who is missing when nobody listens', async () => {
  await assert.rejects(connectToLog(join(folder, 'nobody.socket')), { code: 'log-unavailable' })
})
