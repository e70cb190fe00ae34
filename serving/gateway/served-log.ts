// Gets the record of every served page into the log exactly once: before the answer when the log is quick, later when
// it is not.
import { encode } from '../../schemas/codec.ts'
import type { FeedServed } from '../../schemas/generated.ts'
import { interactions } from '../../schemas/topics.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { withDeadline } from './deadline.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import type { UserLog } from './user-log.ts'

export interface ServedLog {
  /** `logged` when acknowledged within the deadline. Else `unlogged`: the record waits in memory and is tried again
   *  under its eventId until the log has it. */
  append(served: FeedServed): Promise<'logged' | 'unlogged'>
  readonly waiting: number
  /** Waits for the records still on their way, at most `ms`; returns how many had to be left. */
  drain(ms: number): Promise<number>
}

const retryMsFirst = 50
const retryMsMax = 5_000

export function servedLog(parts: {
  readonly userLog: UserLog
  readonly runtime: Runtime
  readonly metrics: GatewayMetrics
  readonly deadlineMs: number
  readonly waitingMax: number
  readonly onUnexpected: (error: unknown) => void
}): ServedLog {
  const { runtime, metrics } = parts
  const waiting = new Set<Promise<boolean>>()
  const stopped = new AbortController()

  async function untilAppended(served: FeedServed): Promise<boolean> {
    const record = {
      key: served.userId,
      value: encode(served),
      timestampMs: served.receivedTimeMs,
      eventId: served.eventId,
    }
    for (let retryMs = retryMsFirst; ; retryMs = Math.min(retryMs * 2, retryMsMax)) {
      try {
        await parts.userLog.appendPatiently(interactions, [record])
        return true
      } catch (error) {
        if (!(error instanceof FreshetError) || !error.retryable) {
          metrics.pageRecordLost()
          parts.onUnexpected(error)
          return false
        }
      }
      if (stopped.signal.aborted) return false
      await runtime.timers.sleep(retryMs, stopped.signal).catch(() => {})
    }
  }

  return {
    async append(served) {
      // A log that is away for long must not take the memory of the process that answers feeds.
      if (waiting.size >= parts.waitingMax) {
        metrics.pageRecordLost()
        return 'unlogged'
      }
      const work = untilAppended(served)
      waiting.add(work)
      metrics.pageRecordsWaiting(waiting.size)
      void work.finally(() => {
        waiting.delete(work)
        metrics.pageRecordsWaiting(waiting.size)
      })
      const timely = await withDeadline(runtime.timers, parts.deadlineMs, work)
      return !timely.late && timely.value ? 'logged' : 'unlogged'
    },
    get waiting() {
      return waiting.size
    },
    async drain(ms) {
      await withDeadline(runtime.timers, ms, Promise.allSettled(waiting))
      stopped.abort()
      const left = waiting.size
      for (let lost = 0; lost < left; lost++) metrics.pageRecordLost()
      return left
    },
  }
}
