// Makes clients of kafkajs 2.2.4 as this project uses them: quiet, giving up on requests to a broker that stands still, and
// without the timer that kafkajs sets every millisecond on every connection for ever.
import { createRequire } from 'node:module'
import { connect, type Socket } from 'node:net'
import kafkajs, { type Kafka } from 'kafkajs'

/** The queue of requests of one connection: those held back while the broker throttles the client. */
interface RequestQueue {
  readonly pending: readonly unknown[]
  throttleCheckTimeoutId: unknown
  throttledUntil: number
  scheduleCheckPendingRequests(): void
}

const keepAliveMs = 60_000

export interface KafkaClientOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  /** A request without an answer for so long has failed: a broker may stand still without closing its connections. */
  readonly requestMsMax: number
}

export function kafkaClient({ brokers, clientId, requestMsMax }: KafkaClientOptions): Kafka {
  restQueues()
  return new kafkajs.Kafka({
    clientId,
    brokers: [...brokers],
    logLevel: kafkajs.logLevel.NOTHING,
    requestTimeout: requestMsMax,
    // Short: what goes on for longer is tried again by us, after a look at what the brokers say now.
    retry: { initialRetryTime: 50, retries: 8, maxRetryTime: 500 },
    socketFactory: ({ host, port, onConnect }) => socketTo(host, port, onConnect),
  })
}

function socketTo(host: string, port: number, onConnect: () => void): Socket {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }, onConnect)
  // While a broker is away, kafkajs calls unref on the same socket again at each attempt, and each adds a listener.
  socket.setMaxListeners(0)
  return socket
}

let resting = false

/** Checks a queue again only while something waits in it; kafkajs does it every millisecond once it began. */
function restQueues(): void {
  if (resting) return
  resting = true
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as {
    prototype: RequestQueue
  }
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this)
  }
}
