// Lets a server close without waiting for those who never ask: browsers open connections ahead of need, and Node's own
// closing of idle ones leaves those that have not sent a request yet.
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Timers } from '../../streams/runtime/runtime.ts'
import { withDeadline } from './deadline.ts'

export interface Connections {
  /** Ends those that never asked, runs `close`, and ends all that are left after `ms`. */
  closeWith(close: () => Promise<unknown>, ms: number): Promise<void>
}

export function connections(server: Server, timers: Timers): Connections {
  const silent = new Set<Socket>()
  let closing = false
  server.on('connection', (socket: Socket) => {
    if (closing) return socket.destroy()
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  const spoke = (request: IncomingMessage) => silent.delete(request.socket)
  server.on('request', spoke)
  server.on('upgrade', spoke)
  return {
    async closeWith(close, ms) {
      closing = true
      for (const socket of silent) socket.destroy()
      const closed = close()
      if ((await withDeadline(timers, ms, closed)).late) {
        server.closeAllConnections()
        await closed
      }
    },
  }
}
