// Reads the table's compiled kernel from the disk, once per process.

import { readFileSync } from 'node:fs'
import { FreshetError } from '../../streams/runtime/errors.ts'

const wasmUrl = new URL('./kernel/build/table.wasm', import.meta.url)

let compiled: WebAssembly.Module | undefined

/** Synchronous, a few kilobytes. Throws `engine-missing` when the kernels have not been built. */
export function tableKernelModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readKernel())
  return compiled
}

function readKernel(): Buffer<ArrayBuffer> {
  try {
    return readFileSync(wasmUrl)
  } catch (cause) {
    throw new FreshetError('engine-missing', 'the table kernel is not built: run `npm run build`', { cause })
  }
}
