// The real clock, timers and randomness of this process.
import { setTimeout as sleepFor } from 'node:timers/promises'
import { timeOrderedId } from '../../schemas/ids.ts'
import type { Runtime } from './runtime.ts'

export const systemRuntime: Runtime = {
  clock: {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
  },
  timers: {
    sleep: async (ms, signal) => {
      await sleepFor(ms, undefined, signal ? { signal } : {})
    },
    after(ms, task) {
      const timer = setTimeout(task, ms)
      return () => clearTimeout(timer)
    },
    every(ms, task) {
      let running = false
      const timer = setInterval(async () => {
        if (running) return
        running = true
        try {
          await task()
        } finally {
          running = false
        }
      }, ms)
      return () => clearInterval(timer)
    },
  },
  randomness: {
    id: () => timeOrderedId(Date.now()),
    seed: () => Math.floor(Math.random() * 2 ** 32),
  },
}
