// A feed pushed over a WebSocket: entries ahead of need, those not yet played replaced after each event.
import type { FeedEntry, FeedPage, Intake, RefusedEvent, StampedEvent } from './api-types.ts'

export interface StreamEntry extends FeedEntry {
  readonly requestId: string
}

export interface StreamHandlers {
  /** What comes after the entry on screen changed. */
  readonly onAhead: (ahead: readonly StreamEntry[]) => void
  readonly onError?: (error: { readonly code: string; readonly message: string; readonly remedy: string }) => void
  /** The socket is gone; events not answered for were handed to HTTP. Open another stream to go on. */
  readonly onClose?: (code: number) => void
}

export interface FeedStream {
  /** The entry on screen; undefined while none has come. */
  readonly current: StreamEntry | undefined
  /** Puts the next entry on screen and returns it; undefined while none is there. */
  advance(): StreamEntry | undefined
  /** Queued until the socket is open. */
  send(event: StampedEvent): void
  close(): void
}

type Answer =
  | { readonly from: number; readonly page: FeedPage }
  | (Intake & { readonly ref?: number })
  | {
      readonly error: { readonly code: string; readonly message: string; readonly remedy: string }
      readonly ref?: number
    }

export function feedStream(parts: {
  readonly url: string
  readonly token: string | undefined
  readonly handlers: StreamHandlers
  readonly onRefused: (refused: RefusedEvent) => void
  /** Takes over events whose answer never came. */
  readonly onUnanswered: (event: StampedEvent) => void
}): FeedStream {
  const { handlers } = parts
  const protocols = parts.token === undefined ? ['freshet.v1'] : ['freshet.v1', `bearer.${parts.token}`]
  const socket = new WebSocket(parts.url, protocols)
  const unanswered = new Map<number, StampedEvent>()
  const entries: StreamEntry[] = []
  let onScreen = 0
  let references = 0

  function place({ from, page }: { readonly from: number; readonly page: FeedPage }): void {
    if (page.entries.length === 0) return
    // What is on screen stays, also when the gateway had not heard of it yet.
    const keep = entries.length === 0 ? 0 : Math.max(from, onScreen + 1)
    const fresh = page.entries.slice(Math.max(0, keep - from)).map((entry) => ({ ...entry, requestId: page.requestId }))
    entries.splice(keep, entries.length, ...fresh)
    handlers.onAhead(entries.slice(onScreen + 1))
  }

  function settle(answer: Exclude<Answer, { page: FeedPage }>): void {
    const event = answer.ref === undefined ? undefined : unanswered.get(answer.ref)
    if ('error' in answer) {
      handlers.onError?.(answer.error)
      // Not answered for: it stays, and goes over HTTP, which tries again, when the socket is gone.
      return
    }
    if (answer.ref !== undefined) unanswered.delete(answer.ref)
    for (const { code, message } of answer.rejected) if (event) parts.onRefused({ event, code, message })
  }

  const send = (ref: number, event: StampedEvent) => socket.send(JSON.stringify({ ref, events: [event] }))
  socket.addEventListener('open', () => {
    for (const [ref, event] of unanswered) send(ref, event)
  })
  socket.addEventListener('message', ({ data: text }) => {
    const answer = JSON.parse(String(text)) as Answer
    if ('page' in answer) place(answer)
    else settle(answer)
  })
  socket.addEventListener('close', ({ code }) => {
    for (const event of unanswered.values()) parts.onUnanswered(event)
    unanswered.clear()
    handlers.onClose?.(code)
  })

  return {
    get current() {
      return entries[onScreen]
    },
    advance() {
      if (onScreen + 1 >= entries.length) return undefined
      return entries[++onScreen]
    },
    send(event) {
      if (socket.readyState > WebSocket.OPEN) return parts.onUnanswered(event)
      const ref = references++
      unanswered.set(ref, event)
      if (socket.readyState === WebSocket.OPEN) send(ref, event)
    },
    close: () => socket.close(1000),
  }
}
