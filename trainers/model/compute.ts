// Dense compute of this thread: TensorFlow.js on its WebAssembly backend, one thread wide, started once.
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import { FreshetError } from '../../streams/runtime/errors.ts'

export type DenseCompute = typeof tf

let started: Promise<DenseCompute> | null = null

/** Resolves when tensors can be computed on this thread; later calls share the first. Await it before building a scorer,
 *  an encoder or a trainer: those are synchronous. Rejects with engine-failed. */
export function denseCompute(): Promise<DenseCompute> {
  started ??= start()
  return started
}

async function start(): Promise<DenseCompute> {
  const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))
  setWasmPaths(`${folder}/`)
  setThreadsCount(1)
  const found = await tf.setBackend('wasm')
  if (!found) throw new FreshetError('engine-failed', 'the WebAssembly backend did not start: run npm ci')
  await tf.ready()
  return tf
}
