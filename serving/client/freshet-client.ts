// One user's side of Freshet, for browsers and Node: events that are never doubled and not lost while the process lives,
// pages of a feed, and a feed that is pushed.
import { apiCall } from './api-call.ts'
import type { FeedPage, FeedQuery, Intake, RefusedEvent, StampedEvent, UserEvent } from './api-types.ts'
import { drawEventId } from './event-id.ts'
import { eventQueue } from './event-queue.ts'
import { type FeedStream, feedStream, type StreamHandlers } from './feed-stream.ts'

export interface FreshetClientOptions {
  /** e.g. https://feed.example */
  readonly baseUrl: string
  readonly userId: string
  /** A JWT whose subject is the user; asked for again at each call, so that it can be renewed. */
  readonly token?: string | (() => string)
  /** How long an event waits for others to travel with, 500 ms where it is missing. */
  readonly flushMs?: number
  /** Told of events the gateway will never take. */
  readonly onRefused?: (refused: RefusedEvent) => void
  /** How to wait between attempts; setTimeout where it is missing. */
  readonly sleep?: (ms: number) => Promise<void>
}

export interface FreshetClient {
  /** Queues what the user did and returns its eventId. */
  track(event: UserEvent): string
  /** Sends what is queued; resolves when the gateway has it. `keepalive` for a page that is being left. */
  flush(options?: { readonly keepalive?: boolean }): Promise<void>
  readonly waiting: number
  /** First page of a new session. What was tracked before is sent first, so that the page reflects it. */
  feed(query?: FeedQuery): Promise<FeedPage>
  /** The page after `page`, ranked anew. null: there was nothing more. */
  next(page: FeedPage, query?: FeedQuery): Promise<FeedPage | null>
  /** `track` on the stream sends at once instead of with the queue. */
  stream(query: FeedQuery, handlers: StreamHandlers): Omit<FeedStream, 'send'> & { track(event: UserEvent): string }
  /** Stops sending by itself; flush before to keep what is queued. */
  close(): void
}

export function freshetClient(options: FreshetClientOptions): FreshetClient {
  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  const onRefused = options.onRefused ?? (() => {})
  const token = () => (typeof options.token === 'function' ? options.token() : options.token)
  const queue = eventQueue({
    flushMs: options.flushMs ?? 500,
    onRefused,
    sleep: options.sleep ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms))),
    send: (events, keepalive) =>
      apiCall<Intake>(baseUrl, token(), { method: 'POST', path: '/v1/events', body: { events }, keepalive }),
  })

  function stamp(event: UserEvent): StampedEvent {
    const eventTimeMs = Date.now()
    return { ...event, eventId: drawEventId(eventTimeMs), eventTimeMs, userId: options.userId }
  }

  async function page(query: FeedQuery, cursor: string | null): Promise<FeedPage> {
    if (queue.waiting > 0) await queue.flush()
    const path = `/v1/feed?${parameters(options.userId, query, cursor)}`
    return await apiCall<FeedPage>(baseUrl, token(), { method: 'GET', path })
  }

  return {
    track(event) {
      const stamped = stamp(event)
      queue.add(stamped)
      return stamped.eventId
    },
    flush: (flushing) => queue.flush(flushing),
    get waiting() {
      return queue.waiting
    },
    feed: (query = {}) => page(query, null),
    next: async (before, query = {}) => (before.cursor === null ? null : await page(query, before.cursor)),
    stream(query, handlers) {
      const stream = feedStream({
        url: `${baseUrl.replace(/^http/, 'ws')}/v1/feed/stream?${parameters(options.userId, query, null)}`,
        token: token(),
        handlers,
        onRefused,
        onUnanswered: (event) => queue.add(event),
      })
      return {
        get current() {
          return stream.current
        },
        advance: () => stream.advance(),
        close: () => stream.close(),
        track(event) {
          const stamped = stamp(event)
          stream.send(stamped)
          return stamped.eventId
        },
      }
    },
    close: () => queue.close(),
  }
}

function parameters(userId: string, query: FeedQuery, cursor: string | null): string {
  const values = new URLSearchParams({ user: userId })
  for (const [name, value] of Object.entries({ ...query, cursor })) {
    if (value === undefined || value === null) continue
    values.set(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value))
  }
  return values.toString()
}
