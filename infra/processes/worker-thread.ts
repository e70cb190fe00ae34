// Starts a worker thread with two channels: one to the log that this process owns, one for calls to the worker.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { type Caller, caller } from './channel.ts'
import { youngGenerationMb } from './node-flags.ts'

export interface WorkerInput<Settings> {
  readonly settings: Settings
  /** Where the worker reaches the log of this process; unused with a log that every thread opens itself. */
  readonly logPort: MessagePort
  /** Where the worker answers calls. */
  readonly callPort: MessagePort
}

export interface WorkerThread {
  readonly name: string
  readonly calls: Caller
  /** This side of the log channel. */
  readonly logPort: MessagePort
  /** Resolves when the thread has ended: null after stop(), else why it failed. */
  readonly ended: Promise<Error | null>
  /** Asks the worker to stop cleanly and waits for its end. */
  stop(): Promise<void>
}

const stopWaitMsMax = 20_000

export function startWorkerThread<Settings>(name: string, file: URL, settings: Settings): WorkerThread {
  const logChannel = new MessageChannel()
  const callChannel = new MessageChannel()
  const input: WorkerInput<Settings> = { settings, logPort: logChannel.port2, callPort: callChannel.port2 }
  const worker = new Worker(file, {
    name,
    workerData: input,
    transferList: [logChannel.port2, callChannel.port2],
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  })
  let stopping = false
  let failure: Error | null = null
  worker.on('error', (error) => {
    failure = error as Error
  })
  const ended = new Promise<Error | null>((resolve) => {
    worker.on('exit', (code) => {
      logChannel.port1.close()
      callChannel.port1.close()
      if (stopping && !failure) resolve(null)
      else resolve(failure ?? new FreshetError('stopped', `worker thread ${name} ended with code ${code}; see its log`))
    })
  })
  const calls = caller(callChannel.port1)
  return {
    name,
    calls,
    logPort: logChannel.port1,
    ended,
    async stop() {
      stopping = true
      const abort = setTimeout(() => worker.terminate(), stopWaitMsMax)
      await calls.call('stop').catch(() => undefined)
      await ended
      clearTimeout(abort)
    },
  }
}
