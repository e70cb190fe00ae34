// Follows one partition for as long as it is wanted: in offset order, in turns short enough that requests are answered
// between them, over errors of the log. Nothing it meets ends it but being stopped.

import { type LogRecord, type Offset, offsetOf, type Reader, type ReadPosition } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { nextTurn } from '../../streams/runtime/next-turn.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'

export interface FollowerOptions {
  readonly position: Omit<ReadPosition, 'from'>
  /** Where to read on: asked at the start and after each error. */
  from(): Promise<Offset>
  openReader(position: ReadPosition): Promise<Reader>
  /** Takes one record in; a promise holds the partition until it resolves, which it must when the signal aborts. */
  take(record: LogRecord, signal: AbortSignal): void | Promise<void>
  /** The position after records were taken. */
  onPosition?(next: Offset): void
  onError(error: unknown): void
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
}

export interface PartitionFollower {
  readonly position: { readonly topic: string; readonly partition: number }
  /** Resolves when everything before `end` has been taken; at once when that is so. Also when the follower is stopped. */
  reached(end: Offset): Promise<void>
  /** Counts as having reached its end, whatever that is: what holds it up must not hold up others. */
  release(): void
  /** Resolves when the last record is taken and the reader closed. */
  stop(): Promise<void>
}

const recordsPerReadMax = 256
/** About a page: a request that waits for its user's events waits for all before them too. */
const turnMsMax = 12
const waitMsMax = 1_000
const pauseAfterErrorMs = 250

export function followPartition(options: FollowerOptions): PartitionFollower {
  const { clock, timers } = options.runtime
  const stopping = new AbortController()
  let reader: Reader | null = null
  let next = 0
  let released = false
  let waiting: { readonly end: number; readonly resolve: () => void }[] = []

  function advance(to: number): void {
    next = Math.max(next, to)
    if (waiting.length === 0) return
    const reached = waiting.filter(({ end }) => released || end <= next)
    waiting = waiting.filter(({ end }) => !released && end > next)
    for (const { resolve } of reached) resolve()
  }

  async function read(): Promise<void> {
    const from = await options.from()
    if (stopping.signal.aborted) return
    reader = await options.openReader({ ...options.position, from })
    advance(from)
    try {
      while (!stopping.signal.aborted) {
        const records = await reader.next({ recordsMax: recordsPerReadMax, waitMsMax })
        await takeAll(records)
        if (stopping.signal.aborted) return
        advance(reader.position)
        if (records.length > 0) options.onPosition?.(reader.position)
      }
    } finally {
      await reader.close()
      reader = null
    }
  }

  async function takeAll(records: readonly LogRecord[]): Promise<void> {
    let turnStartedMs = clock.monotonicMs()
    for (const record of records) {
      const held = options.take(record, stopping.signal)
      if (held) await held
      if (stopping.signal.aborted) return
      advance(record.offset + 1)
      if (clock.monotonicMs() - turnStartedMs < turnMsMax) continue
      await nextTurn()
      turnStartedMs = clock.monotonicMs()
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await read()
      } catch (error) {
        if (stopping.signal.aborted) return
        options.onError(error)
        if (error instanceof FreshetError && error.code === 'log-closed') return
        await timers.sleep(pauseAfterErrorMs, stopping.signal).catch(() => {})
      }
    }
  }

  const running = run().finally(() => {
    released = true
    advance(next)
  })

  return {
    position: options.position,
    reached: (end) =>
      released || end <= next
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ end, resolve })
          }),
    release() {
      released = true
      advance(offsetOf(next))
    },
    async stop() {
      stopping.abort()
      await reader?.close()
      await running
    },
  }
}
