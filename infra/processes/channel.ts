// Request and answer over a MessagePort: what one thread of this process asks of another. One call, one answer; a closed
// peer fails every call that waits.
import type { MessagePort } from 'node:worker_threads'
import { FreshetError } from '../../streams/runtime/errors.ts'

interface Call {
  readonly id: number
  readonly method: string
  readonly argument: unknown
}
type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { code: string | null; message: string } }

export type Handlers = Readonly<Record<string, (argument: never) => unknown>>

export interface Caller {
  call<Result>(method: string, argument?: unknown): Promise<Result>
}

/** Answers calls by name until the port closes. */
export function answerCalls(port: MessagePort, handlers: Handlers): void {
  port.on('message', async (call: Call) => {
    const handler = handlers[call.method]
    try {
      if (!handler) throw new Error(`no method ${call.method} on this channel`)
      const value = await handler(call.argument as never)
      port.postMessage({ id: call.id, value } satisfies Answer)
    } catch (error) {
      const code = error instanceof FreshetError ? error.code : null
      port.postMessage({ id: call.id, error: { code, message: (error as Error).message } } satisfies Answer)
    }
  })
}

/** Calls methods of the peer. */
export function caller(port: MessagePort): Caller {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let nextId = 0
  let closed = false
  port.on('message', (answer: Answer) => {
    const entry = waiting.get(answer.id)
    if (!entry) return
    waiting.delete(answer.id)
    if ('error' in answer) entry.reject(asError(answer.error))
    else entry.resolve(answer.value)
  })
  port.on('close', () => {
    closed = true
    for (const entry of waiting.values()) entry.reject(gone())
    waiting.clear()
  })
  return {
    call<Result>(method: string, argument?: unknown): Promise<Result> {
      if (closed) return Promise.reject(gone())
      return new Promise<Result>((resolve, reject) => {
        const id = nextId++
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
        port.postMessage({ id, method, argument } satisfies Call)
      })
    },
  }
}

function gone(): FreshetError {
  return new FreshetError('shard-unavailable', 'the worker thread has ended; restart the process')
}

function asError(error: { code: string | null; message: string }): Error {
  return error.code ? new FreshetError(error.code as 'shard-unavailable', error.message) : new Error(error.message)
}
