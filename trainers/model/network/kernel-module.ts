// Reads the network's compiled kernel from the disk, once per process, and types what it exports.

import { readFileSync } from 'node:fs'
import { FreshetError } from '../../../streams/runtime/errors.ts'

const wasmUrl = new URL('./kernel/build/network.wasm', import.meta.url)

let compiled: WebAssembly.Module | undefined

/** Arguments in the order of the kernel's sources; addresses and strides in bytes. */
export interface NetworkKernel {
  readonly memory: WebAssembly.Memory
  memoryStart(): number
  allFinite(at: number, count: number): number
  adagrad(values: number, sums: number, gradient: number, count: number, rate: number): void
  packRight(from: number, stride: number, rows: number, columns: number, to: number): void
  packRightTransposed(from: number, stride: number, rows: number, columns: number, to: number): void
  packLeft(from: number, stride: number, depth: number, rows: number, to: number): void
  addTo(bias: number, plus: number, plusStride: number, rectified: number): void
  multiply(
    left: number,
    leftStride: number,
    right: number,
    rows: number,
    depth: number,
    columns: number,
    out: number,
    outStride: number,
    scratch: number,
  ): void
  addMatrices: Elementwise
  multiplyElements: Elementwise
  accumulate(from: number, fromStride: number, rows: number, columns: number, to: number, toStride: number): void
  copyRows(from: number, fromStride: number, rows: number, columns: number, to: number, toStride: number): void
  sumColumns(from: number, stride: number, rows: number, columns: number, out: number): void
  throughRelu(
    gradient: number,
    gradientStride: number,
    output: number,
    outputStride: number,
    rows: number,
    columns: number,
    rectified: number,
    out: number,
  ): void
  addGroups(
    from: number,
    stride: number,
    rows: number,
    groups: number,
    width: number,
    sums: number,
    squares: number,
    fresh: number,
  ): void
  pairTerm(sums: number, squares: number, count: number, out: number): void
  pairGradient(
    from: number,
    stride: number,
    above: number,
    aboveStride: number,
    sums: number,
    rows: number,
    groups: number,
    width: number,
    out: number,
  ): void
  groupDots: Grouped
  groupSums: Grouped
  groupProducts: Grouped
  softmaxRows(from: number, stride: number, rows: number, columns: number, out: number): void
  softmaxGradient(
    output: number,
    outputStride: number,
    gradient: number,
    gradientStride: number,
    rows: number,
    columns: number,
    out: number,
  ): void
  unitRows(from: number, stride: number, rows: number, columns: number, out: number, lengths: number): void
  unitGradient(
    vectors: number,
    vectorStride: number,
    lengths: number,
    gradient: number,
    gradientStride: number,
    rows: number,
    columns: number,
    out: number,
  ): void
  inBatchSoftmax(
    similarities: number,
    stride: number,
    size: number,
    sharpness: number,
    weights: number,
    biases: number,
    groups: number,
    out: number,
  ): void
}

export type Elementwise = (
  left: number,
  leftStride: number,
  right: number,
  rightStride: number,
  rows: number,
  columns: number,
  out: number,
) => void

export type Grouped = (
  first: number,
  firstStride: number,
  second: number,
  secondStride: number,
  rows: number,
  groups: number,
  width: number,
  out: number,
) => void

/** A kernel with a memory of its own; synchronous, the module is read once. Throws `engine-missing` where the kernels have
 *  not been built. */
export function startNetworkKernel(): NetworkKernel {
  compiled ??= new WebAssembly.Module(readKernel())
  return new WebAssembly.Instance(compiled, {}).exports as unknown as NetworkKernel
}

function readKernel(): Buffer<ArrayBuffer> {
  try {
    return readFileSync(wasmUrl)
  } catch (cause) {
    throw new FreshetError('engine-missing', 'the network kernel is not built: run `npm run build`', { cause })
  }
}
