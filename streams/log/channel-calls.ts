// Calls in both directions over a channel: each call gets one answer, or fails with log-unavailable when the other end is
// gone. Operating errors keep their code across the channel.
import { type ErrorCode, errorCodes, FreshetError } from '../runtime/errors.ts'
import type { LogChannel } from './log-channel.ts'

/** An answer whose buffers may be moved. */
export class Transferred {
  readonly value: unknown
  readonly buffers: readonly ArrayBuffer[]
  constructor(value: unknown, buffers: readonly ArrayBuffer[]) {
    this.value = value
    this.buffers = buffers
  }
}

// biome-ignore lint/suspicious/noExplicitAny: each handler states the shape that its caller sends
export type CallHandlers = Readonly<Record<string, (argument: any) => Promise<unknown>>>

export interface ChannelCalls {
  call<Result>(method: string, argument?: unknown, transfer?: readonly ArrayBuffer[]): Promise<Result>
  readonly gone: boolean
  close(): void
}

interface Message {
  readonly id: number
  readonly method?: string
  readonly argument?: unknown
  readonly result?: unknown
  readonly error?: { readonly code: ErrorCode | null; readonly message: string; readonly details: object }
}
interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

export function callsOver(channel: LogChannel, handlers: CallHandlers, onGone: () => void): ChannelCalls {
  const waiting = new Map<number, Waiting>()
  let calls = 0
  let gone = false

  async function answer({ id, method, argument }: Message): Promise<void> {
    let reply: Message
    let transfer: readonly ArrayBuffer[] = []
    try {
      const result = await handlers[method!]!(argument)
      if (result instanceof Transferred) transfer = result.buffers
      reply = { id, result: result instanceof Transferred ? result.value : result }
    } catch (error) {
      const { code, message, details } = error as FreshetError
      const known = error instanceof FreshetError
      reply = { id, error: { code: known ? code : null, message: String(message), details: known ? details : {} } }
    }
    if (!gone) channel.post(reply, transfer)
  }

  channel.onMessage((received) => {
    const message = received as Message
    if (message.method !== undefined) {
      void answer(message)
      return
    }
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.error) call?.reject(errorOf(message.error))
    else call?.resolve(message.result)
  })
  channel.onClose(() => {
    gone = true
    for (const call of waiting.values()) call.reject(unavailable())
    waiting.clear()
    onGone()
  })

  return {
    call<Result>(method: string, argument?: unknown, transfer?: readonly ArrayBuffer[]): Promise<Result> {
      if (gone) return Promise.reject(unavailable())
      return new Promise<Result>((resolve, reject) => {
        const id = calls++
        waiting.set(id, { resolve: resolve as (result: unknown) => void, reject })
        try {
          channel.post({ id, method, argument }, transfer)
        } catch (error) {
          waiting.delete(id)
          reject(error)
        }
      })
    },
    get gone() {
      return gone
    },
    close: () => channel.close(),
  }
}

function errorOf({ code, message, details }: NonNullable<Message['error']>): Error {
  if (code === null || !(code in errorCodes)) return new Error(message)
  return new FreshetError(code, message, { details: details as Record<string, unknown> })
}

function unavailable(): FreshetError {
  return new FreshetError('log-unavailable', 'the process that owns the log is gone: start it, or connect again')
}
