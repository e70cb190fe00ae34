// One open feed: keeps entries ahead of the one on screen, and after an event replaces those not yet played.
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { ApiError, type ErrorBody, errorBody, retryAfterSeconds, toApiError } from './api-errors.ts'
import { boundedMap } from './bounded-map.ts'
import type { ClientEvent } from './event-bodies.ts'
import type { EventIntake, Intake } from './event-intake.ts'
import { refuseTooMany } from './events-route.ts'
import type { FeedService, ServedPage } from './feed-service.ts'
import type { FeedQueryValues } from './shapes.ts'

/** Entries are numbered through the stream; a page's entries are numbered from `from` on. What the client holds at those
 *  numbers is replaced, except what is on its screen or behind. */
export interface StreamPage {
  readonly from: number
  readonly page: ServedPage
}
/** `ref` is given back as it came. */
export type StreamAnswer = StreamPage | (Intake & { readonly ref?: unknown }) | (ErrorBody & { readonly ref?: unknown })

export interface StreamSession {
  /** Fills up what is ahead; call it also when a backlog has gone. */
  fill(): Promise<void>
  /** Takes one message as it came; resolves when it is answered. */
  take(text: string): Promise<void>
  close(): void
}

/** Below this many entries beyond the one on screen, a page is pushed. */
const aheadMin = 2
const entriesRememberedMax = 1_000

const viewEnds: ReadonlySet<ClientEvent['type']> = new Set([
  'VideoWatched',
  'VideoSkipped',
  'NotInterested',
  'VideoReported',
])

export function streamSession(parts: {
  readonly query: FeedQueryValues
  readonly feeds: FeedService
  readonly intake: EventIntake
  readonly runtime: Runtime
  readonly send: (answer: StreamAnswer) => void
  /** True: the client does not keep up; nothing is pushed. */
  readonly backlogged: () => boolean
  readonly onUnexpected: (error: unknown) => void
}): StreamSession {
  const { query, send } = parts
  const numberByVideo = boundedMap<string, number>(entriesRememberedMax)
  const closed = new AbortController()
  let cursor: string | null = query.cursor ?? null
  let numbered = 0
  let onScreen = 0
  /** An event came after what is ahead was ranked. */
  let stale = false
  /** The shard had nothing more: asked again after the next event. */
  let exhausted = false
  let filling = false

  async function fill(): Promise<void> {
    if (filling) return
    filling = true
    try {
      while (!closed.signal.aborted && !parts.backlogged() && wanted()) await push()
    } finally {
      filling = false
    }
  }

  function wanted(): boolean {
    return !exhausted && (stale || numbered - onScreen - 1 < aheadMin)
  }

  async function push(): Promise<void> {
    const replaces = stale
    stale = false
    let page: ServedPage
    try {
      const { cursor: _first, ...rest } = query
      page = await parts.feeds.page(cursor === null ? rest : { ...rest, cursor })
    } catch (thrown) {
      await recover(thrown, replaces)
      return
    }
    if (closed.signal.aborted) return
    const from = replaces ? Math.min(numbered, onScreen + 1) : numbered
    for (const [index, { videoId }] of page.entries.entries()) numberByVideo.set(videoId, from + index)
    // An empty page replaces nothing: what is ahead is better than nothing.
    if (page.entries.length > 0) numbered = from + page.entries.length
    cursor = page.cursor
    exhausted = page.entries.length === 0 || page.cursor === null
    send({ from, page })
  }

  async function recover(thrown: unknown, replaces: boolean): Promise<void> {
    const error = toApiError(thrown)
    if (error.code === 'internal') parts.onUnexpected(thrown)
    send(errorBody(error))
    stale ||= replaces
    // A cursor that is not known any more starts a session; anything else is tried again after a while.
    if (error.code === 'bad-cursor' && cursor !== null) cursor = null
    else await parts.runtime.timers.sleep(retryAfterSeconds * 1_000, closed.signal).catch(() => {})
  }

  async function take(text: string): Promise<void> {
    let ref: { ref?: unknown } = {}
    try {
      const message = parse(text)
      if (message.ref !== undefined) ref = { ref: message.ref }
      refuseTooMany(message.events.length)
      const { intake, taken } = await parts.intake.take(message.events, (userId) => userId === query.user)
      send({ ...intake, ...ref })
      for (const event of taken) follow(event)
    } catch (thrown) {
      const error = toApiError(thrown)
      if (error.code === 'internal') parts.onUnexpected(thrown)
      send({ ...errorBody(error), ...ref })
      return
    }
    void fill()
  }

  /** Where the client is now, and whether what is ahead of it was ranked without this. */
  function follow(event: ClientEvent): void {
    const number = 'videoId' in event && event.videoId !== null ? numberByVideo.get(event.videoId) : undefined
    if (number !== undefined) onScreen = Math.max(onScreen, viewEnds.has(event.type) ? number + 1 : number)
    stale = true
    exhausted = false
  }

  return { fill, take, close: () => closed.abort() }
}

function parse(text: string): { readonly events: readonly unknown[]; readonly ref?: unknown } {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    throw new ApiError('malformed-json', 'the message is not JSON', 'send {"events": [...]}')
  }
  const events = typeof message === 'object' && message !== null ? (message as { events?: unknown }).events : undefined
  if (!Array.isArray(events)) {
    throw new ApiError('invalid-request', 'the message has no array of events', 'send {"events": [...]}', 'events')
  }
  const ref = (message as { ref?: unknown }).ref
  return ref === undefined ? { events } : { events, ref }
}
