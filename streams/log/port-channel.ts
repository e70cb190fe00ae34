// A log channel over a MessagePort, between the threads of one process. Buffers are moved, not copied.
import type { MessagePort } from 'node:worker_threads'
import type { LogChannel } from './log-channel.ts'

export function portChannel(port: MessagePort): LogChannel {
  return {
    post: (message, transfer = []) => port.postMessage(message, transfer),
    onMessage: (receive) => port.on('message', receive),
    onClose: (closed) => port.once('close', closed),
    close: () => port.close(),
  }
}
