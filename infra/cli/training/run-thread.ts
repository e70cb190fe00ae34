// The thread of one run: learns, then computes all that the folder says. Started by side-by-side.ts.
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import type { Config } from '../../config/config.ts'
import { runThread } from '../../processes/worker-entry.ts'
import { type LogFiles, readLogFiles } from '../import/log-files.ts'
import { type CompletedRun, completeRun } from './complete-run.ts'
import type { RunRequest } from './run-plan.ts'
import { filesSource, logSource, planRun } from './run-plan.ts'
import type { TrainProgress } from './train-run.ts'

/** A run with what a person should know of its files: one line per kind of row that could not be read. */
export interface ReadRun extends CompletedRun {
  readonly complaints: readonly string[]
}

export interface RunThreadSettings {
  readonly config: Config
  readonly request: RunRequest
  /** Where the files are that a run without a log reads. */
  readonly files: LogFiles | null
}

await runThread<RunThreadSettings>(async ({ settings, log }) => {
  const { request, files } = settings
  const stopping = new AbortController()
  let progress: TrainProgress = { examples: 0, share: 0, eventTimeMs: 0 }
  return {
    handlers: {
      progress: () => progress,
      async run() {
        await denseCompute()
        const plan = await planRun(request)
        const read = files && (await readLogFiles(files))
        const source = read ? filesSource(read, plan) : await logSource(log, plan)
        const completed = await completeRun({
          ...plan,
          name: request.name,
          folder: request.folder,
          source,
          nowMs: () => systemRuntime.clock.nowMs(),
          signal: stopping.signal,
          onProgress: (now) => {
            progress = now
          },
        })
        return { ...completed, complaints: read?.complaints ?? [] } satisfies ReadRun
      },
    },
    failed: new Promise<never>(() => {}),
    async stop() {
      stopping.abort()
    },
  }
})
