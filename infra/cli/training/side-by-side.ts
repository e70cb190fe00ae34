// Several runs at once, each on a thread of its own, over one log that this process holds or over the same files.

import type { Log } from '../../../streams/log/log.ts'
import { serveLog } from '../../../streams/log/log-server.ts'
import { portChannel } from '../../../streams/log/port-channel.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import type { Config } from '../../config/config.ts'
import { startWorkerThread } from '../../processes/worker-thread.ts'
import type { LogFiles } from '../import/log-files.ts'
import type { RunRequest } from './run-plan.ts'
import type { ReadRun, RunThreadSettings } from './run-thread.ts'
import type { TrainProgress } from './train-run.ts'

export interface SideBySideOptions {
  readonly config: Config
  readonly requests: readonly RunRequest[]
  readonly log: Log | null
  readonly files: LogFiles | null
  /** Runs at once. */
  readonly threads: number
  onProgress(progressByName: ReadonlyMap<string, TrainProgress>): void
}

const progressIntervalMs = 500

/** In the order of the requests. The first failure ends the others, which go on when they are asked for again. */
export async function runSideBySide(options: SideBySideOptions): Promise<ReadRun[]> {
  const { requests, threads } = options
  const progressByName = new Map<string, TrainProgress>()
  const results: ReadRun[] = []
  let next = 0
  // What the others end with once they are told to stop explains nothing.
  let first: { readonly error: unknown } | null = null
  const lane = async (): Promise<void> => {
    while (next < requests.length && !first) {
      const place = next++
      results[place] = await onThread(options, requests[place]!, progressByName, () => first !== null)
    }
  }
  const lanes = Array.from({ length: Math.min(threads, requests.length) }, () =>
    lane().catch((error: unknown) => {
      first ??= { error }
    }),
  )
  await Promise.all(lanes)
  if (first) throw (first as { readonly error: unknown }).error
  return results
}

async function onThread(
  { config, log, files, onProgress }: SideBySideOptions,
  request: RunRequest,
  progressByName: Map<string, TrainProgress>,
  isOver: () => boolean,
): Promise<ReadRun> {
  const settings: RunThreadSettings = { config, request, files }
  const thread = startWorkerThread(`run ${request.name}`, new URL('./run-thread.ts', import.meta.url), settings)
  const served = log && config.log.driver !== 'kafka' ? serveLog(log, portChannel(thread.logPort)) : null
  const timer = setInterval(() => {
    if (isOver()) thread.stop().catch(() => {})
    thread.calls.call<TrainProgress>('progress').then(
      (progress) => {
        progressByName.set(request.name, progress)
        onProgress(progressByName)
      },
      () => {},
    )
  }, progressIntervalMs)
  try {
    const crashed = thread.ended.then((error): never => {
      throw error ?? new Error(`the thread of ${request.name} ended`)
    })
    crashed.catch(() => {})
    const run = thread.calls.call<ReadRun>('run').catch((error: unknown) => {
      // A thread that ends closes its channel too, but only its end says why.
      if (error instanceof FreshetError && error.code === 'shard-unavailable') return crashed
      throw error
    })
    return await Promise.race([run, crashed])
  } finally {
    clearInterval(timer)
    await thread.stop()
    await served?.close()
  }
}
