// Lets time pass in a partition by records: its owner appends a Tick every 100 ms while others append to it and once more
// after, else each second, so that closing a window or a batch is a fact in the log.
import { encode } from '../../schemas/codec.ts'
import type { Log, TopicPartition } from '../log/log.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { isRetryable } from './retry.ts'

/** What of a log is used here. */
type TickedLog = Pick<Log, 'append' | 'bounds'>

export interface TickerOptions {
  readonly log: TickedLog
  readonly runtime: Runtime
  readonly position: TopicPartition
  readonly activeEveryMs?: number
  readonly idleEveryMs?: number
}

/** Ticks until the signal aborts, then resolves. A log that is away for a while misses ticks; other errors reject. */
export async function runTicker(options: TickerOptions, signal: AbortSignal): Promise<void> {
  const { log, runtime, position, activeEveryMs = 100, idleEveryMs = 1_000 } = options
  let lastTickMs = Number.NEGATIVE_INFINITY
  let endAfterTick = -1
  // Whether anything came between the last two Ticks, which their offsets say: the log is asked only while nothing does.
  let isActive = false
  const isIdle = async (): Promise<boolean> => {
    const { latest } = await log.bounds(position)
    return latest === endAfterTick && runtime.clock.nowMs() - lastTickMs < idleEveryMs
  }
  while (!signal.aborted) {
    try {
      await runtime.timers.sleep(activeEveryMs, signal)
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    try {
      if (!isActive && (await isIdle())) continue
      const nowMs = runtime.clock.nowMs()
      const offset = await appendTick(log, position, nowMs)
      isActive = endAfterTick >= 0 && offset !== endAfterTick
      lastTickMs = nowMs
      endAfterTick = offset + 1
    } catch (error) {
      if (!isRetryable(error)) throw error
    }
  }
}

/** Appends one Tick of this time; gives its offset. */
export async function appendTick(log: TickedLog, { topic, partition }: TopicPartition, nowMs: number): Promise<number> {
  const value = encode({ type: 'Tick', eventTimeMs: nowMs, receivedTimeMs: nowMs })
  const [outcome] = await log.append(topic, [{ key: null, value, timestampMs: nowMs, partition }])
  return outcome!.offset
}
