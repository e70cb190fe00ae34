// A log channel over a stream socket: each message is a u32 length and the V8 serialization of it. Both ends are processes
// of one user on one machine. A message past the limit ends the connection.
import { connect, createServer, type Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'
import type { Disk } from '../runtime/disk.ts'
import { FreshetError } from '../runtime/errors.ts'
import type { Log } from './log.ts'
import type { LogChannel } from './log-channel.ts'
import { type ServedLog, serveLog } from './log-server.ts'

export const messageBytesMax = 64 * 1024 * 1024
const lengthBytes = 4

/** `answersOnly`: the side that answers stops reading while what it wrote is not taken. Only one side may, else both
 *  could wait for each other. */
export function socketChannel(socket: Socket, answersOnly: boolean): LogChannel {
  let receive: (message: unknown) => void = () => {}
  let chunks: Buffer[] = []
  let bytes = 0
  let wanted = lengthBytes
  let inBody = false

  function take(): Buffer {
    const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const rest = all.subarray(wanted)
    chunks = rest.length > 0 ? [rest] : []
    bytes = rest.length
    return all.subarray(0, wanted)
  }

  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    while (bytes >= wanted) {
      const part = take()
      if (inBody) {
        wanted = lengthBytes
        inBody = false
        receive(deserialize(part))
        continue
      }
      wanted = part.readUInt32LE(0)
      inBody = true
      if (wanted > messageBytesMax) {
        socket.destroy()
        return
      }
    }
  })
  // The close event follows every error and says all there is to say.
  socket.on('error', () => {})
  socket.on('drain', () => socket.resume())
  return {
    post(message) {
      const body = serialize(message)
      if (body.length > messageBytesMax)
        throw new FreshetError('record-too-large', 'too much for one message: ask for less')
      const length = Buffer.allocUnsafe(lengthBytes)
      length.writeUInt32LE(body.length)
      socket.cork()
      socket.write(length)
      const taken = socket.write(body)
      socket.uncork()
      if (!taken && answersOnly) socket.pause()
    },
    onMessage(set) {
      receive = set
    },
    onClose: (closed) => socket.once('close', closed),
    close: () => socket.end(),
  }
}

export interface LogListener {
  /** Ends all connections. */
  close(): Promise<void>
}

/** Offers the log at a socket path; what a dead process left there is replaced. The caller owns the log's folder lock. */
export async function listenForLogClients(log: Log, path: string, disk: Disk): Promise<LogListener> {
  await disk.remove(path)
  const served = new Map<Socket, ServedLog>()
  const server = createServer((socket) => {
    served.set(socket, serveLog(log, socketChannel(socket, true)))
    socket.once('close', () => served.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const [socket, client] of served) {
        await client.close()
        socket.destroySoon()
      }
      await closed
    },
  }
}

/** Connects to a listener. Throws log-unavailable when no process listens there. */
export async function connectToLog(path: string): Promise<LogChannel> {
  const socket = connect(path)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (cause) =>
      reject(new FreshetError('log-unavailable', `nobody listens at ${path}: start the server`, { cause })),
    )
  })
  return socketChannel(socket, false)
}
