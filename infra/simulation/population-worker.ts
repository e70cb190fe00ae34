// Entry point of the population's worker thread: options come as workerData, reports go out as messages, any message
// from outside means stop.
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../streams/runtime/errors.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import type { PopulationMessage } from './population.ts'
import { type PopulationOptions, simulatePopulation } from './population-loop.ts'

const port = parentPort
assert(port, 'population-worker.ts runs as a worker thread')
const stop = new AbortController()
port.once('message', () => stop.abort())
const say = (message: PopulationMessage) => port.postMessage(message)

const report = await simulatePopulation(
  workerData as PopulationOptions,
  { onProgress: (progress) => say({ kind: 'progress', report: progress }), signal: stop.signal },
  systemRuntime,
)
say({ kind: 'done', report })
