// A population of users with known tastes, in a worker thread of its own so that it does not share a turn with what it
// measures, talking to the gateway over HTTP as any client would.
import { Worker } from 'node:worker_threads'
import type { PopulationHooks, PopulationOptions } from './population-loop.ts'
import type { PopulationReport } from './tally.ts'

export type { PopulationHooks, PopulationOptions } from './population-loop.ts'
export type { PopulationReport } from './tally.ts'

/** What the worker says. */
export type PopulationMessage =
  | { readonly kind: 'progress'; readonly report: PopulationReport }
  | { readonly kind: 'done'; readonly report: PopulationReport }

/** Resolves with the report when `seconds` are over, or soon after the signal aborts. Rejects when the worker dies. */
export function runPopulation(options: PopulationOptions & PopulationHooks): Promise<PopulationReport> {
  const { onProgress, signal, ...plain } = options
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./population-worker.ts', import.meta.url), { workerData: plain })
    const stop = () => worker.postMessage('stop')
    const settle = (act: () => void) => {
      signal?.removeEventListener('abort', stop)
      void worker.terminate()
      act()
    }
    worker.on('message', (message: PopulationMessage) => {
      if (message.kind === 'progress') onProgress?.(message.report)
      else settle(() => resolve(message.report))
    })
    worker.on('error', (error) => settle(() => reject(error)))
    worker.on('exit', (code) => settle(() => reject(new Error(`the population's worker ended with code ${code}`))))
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
  })
}
