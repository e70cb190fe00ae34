// Events on their way: sent in batches, in order, again until the gateway answered for each of them.
import { FreshetApiError } from './api-call.ts'
import type { Intake, RefusedEvent, StampedEvent } from './api-types.ts'

export interface EventQueue {
  add(event: StampedEvent): void
  /** Sends everything queued; resolves when the gateway has it all, rejects with the last error when it gave up for now
   *  (the events stay queued). */
  flush(options?: { readonly keepalive?: boolean }): Promise<void>
  readonly waiting: number
  close(): void
}

const batchEventsMax = 200
const queuedEventsMax = 10_000
const attemptsMax = 5
const retryMsFirst = 200
const retryMsMax = 5_000

export function eventQueue(parts: {
  readonly send: (events: readonly StampedEvent[], keepalive: boolean) => Promise<Intake>
  /** How long an event waits for others to travel with. */
  readonly flushMs: number
  readonly onRefused: (refused: RefusedEvent) => void
  readonly sleep: (ms: number) => Promise<void>
}): EventQueue {
  const queue: StampedEvent[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  let sending: Promise<void> | null = null

  function schedule(): void {
    if (timer !== undefined || queue.length === 0) return
    timer = setTimeout(() => {
      timer = undefined
      flush().catch(() => schedule())
    }, parts.flushMs)
  }

  function flush({ keepalive = false } = {}): Promise<void> {
    sending ??= sendAll(keepalive).finally(() => {
      sending = null
    })
    return sending
  }

  async function sendAll(keepalive: boolean): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, batchEventsMax)
      const refused = await sendBatch(batch, keepalive)
      // What was dropped from the front meanwhile (a full queue) is part of this batch.
      const sent = new Set(batch)
      queue.splice(0, queue.length, ...queue.filter((event) => !sent.has(event)))
      for (const one of refused) parts.onRefused(one)
    }
  }

  async function sendBatch(batch: readonly StampedEvent[], keepalive: boolean): Promise<RefusedEvent[]> {
    for (let attempt = 1, retryMs = retryMsFirst; ; attempt++, retryMs = Math.min(retryMs * 2, retryMsMax)) {
      try {
        const { rejected } = await parts.send(batch, keepalive)
        return rejected.map(({ index, code, message }) => ({ event: batch[index]!, code, message }))
      } catch (error) {
        if (!(error instanceof FreshetApiError)) throw error
        // The same bytes would be refused again: the whole batch is.
        if (!error.retryable) return batch.map((event) => ({ event, code: error.code, message: error.message }))
        if (attempt === attemptsMax) throw error
        const waitMs = Math.max(error.retryAfterMs, retryMs * (0.5 + Math.random() / 2))
        await parts.sleep(waitMs)
      }
    }
  }

  return {
    add(event) {
      queue.push(event)
      if (queue.length > queuedEventsMax) {
        const dropped = queue.shift()!
        parts.onRefused({
          event: dropped,
          code: 'queue-full',
          message: `${queuedEventsMax} events wait already; flush them`,
        })
      }
      if (queue.length >= batchEventsMax) void flush().catch(() => schedule())
      else schedule()
    },
    flush,
    get waiting() {
      return queue.length
    },
    close() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
