// Finds a backend of TensorFlow.js: its WebAssembly one, which comes with the project, or the native ones of tfjs-node, for the
// processor and for CUDA, where they are installed.
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type * as TensorFlow from '@tensorflow/tfjs-core'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import type { ComputeDriver } from './matrix-arena.ts'
import { TensorArena } from './tensor-arena.ts'

export const tensorBackends = ['wasm', 'node', 'node-gpu'] as const
export type TensorBackend = (typeof tensorBackends)[number]

const require = createRequire(import.meta.url)
const packageByBackend = { node: '@tensorflow/tfjs-node', 'node-gpu': '@tensorflow/tfjs-node-gpu' } as const

const startedByBackend = new Map<TensorBackend, Promise<ComputeDriver>>()

/** One thread wide where the backend can be told so. Later calls on a thread share the first. Rejects with `engine-missing`
 *  where the package is not installed or does not load, with `engine-failed` where the backend does not start. */
export function tensorDriver(backend: TensorBackend): Promise<ComputeDriver> {
  const known = startedByBackend.get(backend)
  if (known) return known
  const started = backend === 'wasm' ? startWasm() : startNative(backend)
  startedByBackend.set(backend, started)
  return started
}

async function startWasm(): Promise<ComputeDriver> {
  const tf = await import('@tensorflow/tfjs-core')
  const { setThreadsCount, setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  setThreadsCount(1)
  return driverOf(tf, 'wasm', 'wasm')
}

async function startNative(backend: 'node' | 'node-gpu'): Promise<ComputeDriver> {
  const name = packageByBackend[backend]
  restoreRemovedFunctions()
  let tf: typeof TensorFlow
  try {
    tf = require(name) as typeof TensorFlow
  } catch (cause) {
    const message = `${name} is not installed or does not load: see trainers/model/network/README.md for how to install it`
    throw new FreshetError('engine-missing', message, { cause })
  }
  return driverOf(tf, 'tensorflow', backend)
}

async function driverOf(tf: typeof TensorFlow, backend: string, shown: TensorBackend): Promise<ComputeDriver> {
  const found = await tf.setBackend(backend)
  if (!found)
    throw new FreshetError('engine-failed', `the backend ${backend} of TensorFlow.js did not start: run npm ci`)
  await tf.ready()
  return { name: `tensorflow-${shown}`, arena: () => new TensorArena(tf, shown === 'wasm') }
}

/** tfjs-node 4 calls a function of node:util that Node 23 removed. */
function restoreRemovedFunctions(): void {
  const util = require('node:util') as { isNullOrUndefined?: (value: unknown) => boolean }
  util.isNullOrUndefined ??= (value) => value === null || value === undefined
}
