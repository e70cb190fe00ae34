// Reads a compiled kernel of this folder from the disk, once per process.

import { readFileSync } from 'node:fs'
import { FreshetError } from '../../streams/runtime/errors.ts'

const compiled = new Map<string, WebAssembly.Module>()

/** Synchronous, a few kilobytes. Throws `engine-missing` when the kernels have not been built. */
export function kernelModule(name: 'table' | 'pooling'): WebAssembly.Module {
  let module = compiled.get(name)
  if (!module) {
    module = new WebAssembly.Module(readKernel(name))
    compiled.set(name, module)
  }
  return module
}

function readKernel(name: string): Buffer<ArrayBuffer> {
  try {
    return readFileSync(new URL(`./kernel/build/${name}.wasm`, import.meta.url))
  } catch (cause) {
    throw new FreshetError('engine-missing', `the ${name} kernel is not built: run \`npm run build\``, { cause })
  }
}
