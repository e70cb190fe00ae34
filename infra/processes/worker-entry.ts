// What every worker thread does first and last: opens the log, answers calls, and stops when asked to.
import { workerData } from 'node:worker_threads'
import type { Log } from '../../streams/log/log.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import type { Config } from '../config/config.ts'
import { answerCalls, type Handlers } from './channel.ts'
import { openThreadLog } from './open-log.ts'
import type { WorkerInput } from './worker-thread.ts'

export interface ThreadPlace<Settings> {
  readonly settings: Settings
  readonly log: Log
  readonly runtime: Runtime
}

export interface ThreadWork {
  readonly handlers: Handlers
  /** Rejects when the work cannot go on: the thread ends with that error. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

/** Settings that every thread needs. */
export interface ThreadSettings {
  readonly config: Config
}

/** Starts the work and answers calls until `stop` is called. `ready` is answered when the work has started. */
export async function runThread<Settings extends ThreadSettings>(
  start: (place: ThreadPlace<Settings>) => Promise<ThreadWork>,
): Promise<void> {
  const { settings, logPort, callPort } = workerData as WorkerInput<Settings>
  const runtime = systemRuntime
  const log = await openThreadLog(settings.config, logPort, runtime)
  const work = await start({ settings, log, runtime })
  work.failed.catch((error: unknown) => {
    // An error that nobody catches ends the thread, and its message reaches whoever started it.
    queueMicrotask(() => {
      throw error
    })
  })
  answerCalls(callPort, {
    ...work.handlers,
    ready: () => true,
    async stop() {
      await work.stop()
      await log.close()
      setImmediate(() => {
        callPort.close()
        logPort.close()
      })
    },
  })
}
