// A Runtime made from one seed: time stands still until it is advanced, timers fire in order while it is, ids and seeds
// repeat for the same seed.
import { nextTurn } from './next-turn.ts'
import type { Runtime } from './runtime.ts'

export interface SimulatedRuntime extends Runtime {
  /** Moves the clock on, firing what falls due in order; after each firing the woken code runs until it waits again. */
  advance(ms: number): Promise<void>
  /** Uniform number in [0, 1). */
  random(): number
}

interface DueTask {
  readonly atMs: number
  readonly order: number
  readonly fire: () => void
}

/** `startMs` is what the clock shows first. */
export function simulatedRuntime(seed: number, startMs = 1_700_000_000_000): SimulatedRuntime {
  const random = seededRandom(seed)
  const due = new Set<DueTask>()
  let nowMs = startMs
  let order = 0

  function at(atMs: number, fire: () => void): () => void {
    const task = { atMs, order: order++, fire }
    due.add(task)
    return () => due.delete(task)
  }

  return {
    clock: { nowMs: () => Math.floor(nowMs), monotonicMs: () => nowMs - startMs },
    timers: {
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason)
          const onAbort = () => {
            cancel()
            reject(signal?.reason)
          }
          const cancel = at(nowMs + Math.max(0, ms), () => {
            signal?.removeEventListener('abort', onAbort)
            resolve()
          })
          signal?.addEventListener('abort', onAbort, { once: true })
        }),
      after: (ms, task) => at(nowMs + Math.max(0, ms), task),
      every(ms, task) {
        let running = false
        let cancel = () => {}
        const arm = (atMs: number) => {
          cancel = at(atMs, () => {
            arm(atMs + ms)
            if (running) return
            running = true
            Promise.resolve(task()).finally(() => {
              running = false
            })
          })
        }
        arm(nowMs + ms)
        return () => cancel()
      },
    },
    randomness: {
      id: () => uuidV7(Math.floor(nowMs), random),
      seed: () => Math.floor(random() * 2 ** 32),
    },
    random,
    async advance(ms) {
      const untilMs = nowMs + ms
      await nextTurn()
      for (let task = earliest(due, untilMs); task; task = earliest(due, untilMs)) {
        due.delete(task)
        nowMs = Math.max(nowMs, task.atMs)
        task.fire()
        await nextTurn()
      }
      nowMs = untilMs
      await nextTurn()
    },
  }
}

function earliest(due: ReadonlySet<DueTask>, untilMs: number): DueTask | null {
  let best: DueTask | null = null
  for (const task of due) {
    if (task.atMs > untilMs) continue
    if (!best || task.atMs < best.atMs || (task.atMs === best.atMs && task.order < best.order)) best = task
  }
  return best
}

/** Uniform numbers in [0, 1) from a 32-bit seed: Mulberry32 (Tommy Ettinger, public domain). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function uuidV7(nowMs: number, random: () => number): string {
  const hex = (digits: number) =>
    Math.floor(random() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0')
  const time = nowMs.toString(16).padStart(12, '0')
  const variant = (8 + Math.floor(random() * 4)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(6)}${hex(6)}`
}
