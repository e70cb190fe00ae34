// One kernel with its memory, handed out upwards: parameters first, then what lasts until the next clear. Memories are used
// again by the next arena, because each growth of one makes the engine collect its heap.
import { assert } from '../../../streams/runtime/errors.ts'
import { type NetworkKernel, startNetworkKernel } from './kernel-module.ts'
import type { Matrix } from './matrix-arena.ts'

/** A matrix in a kernel's memory; `stride` bytes from row to row. */
export interface Placed extends Matrix {
  readonly address: number
  readonly stride: number
}

const pageBytes = 65_536
/** Kernels may read so far past the end of a matrix. */
const slackBytes = 256
const bytesMax = 2 ** 32 - pageBytes
/** Address space of a fresh memory; pages are taken when they are first written. */
const initialBytes = 2 ** 25

const idle: NetworkKernel[] = []
let arenas = 0
let grownBytes = 0

/** Memories of this thread that were not given back, and the bytes by which any of them grew. */
export function kernelUsage(): { readonly arenas: number; readonly bytes: number } {
  return { arenas, bytes: grownBytes }
}

export class KernelMemory {
  readonly kernel: NetworkKernel
  #floats: Float32Array
  #next: number
  #kept = 0

  constructor() {
    this.kernel = idle.pop() ?? startNetworkKernel()
    arenas++
    this.#floats = new Float32Array(this.kernel.memory.buffer)
    this.#next = aligned(this.kernel.memoryStart())
  }

  /** Address of so many floats, 16-aligned; what they hold is left over from before. */
  take(floats: number): number {
    const at = this.#next
    this.#next = aligned(at + floats * 4)
    if (this.#next + slackBytes > this.#floats.byteLength) this.#grow(this.#next + slackBytes)
    return at
  }

  /** A contiguous matrix; what it holds is left over from before. */
  place(rows: number, columns: number): Placed {
    return { address: this.take(rows * columns), stride: columns * 4, rows, columns }
  }

  /** What is taken within `use` is given back after it. */
  borrow(use: () => void): void {
    const next = this.#next
    use()
    this.#next = next
  }

  /** Keeps what was taken so far through every `clear`. */
  keep(): void {
    this.#kept = this.#next
  }

  clear(): void {
    this.#next = this.#kept
  }

  /** Good until more is taken. */
  view(address: number, floats: number): Float32Array {
    return this.#floats.subarray(address >>> 2, (address >>> 2) + floats)
  }

  /** More than once is once. */
  release(): void {
    if (this.#floats.length === 0) return
    this.#floats = new Float32Array(0)
    idle.push(this.kernel)
    arenas--
  }

  #grow(bytes: number): void {
    assert(bytes <= bytesMax, `a network needs ${bytes} bytes at once: use smaller batches`)
    const { memory } = this.kernel
    const wanted = Math.min(bytesMax, Math.max(initialBytes, 2 ** Math.ceil(Math.log2(bytes))))
    grownBytes += wanted - memory.buffer.byteLength
    memory.grow(Math.ceil((wanted - memory.buffer.byteLength) / pageBytes))
    this.#floats = new Float32Array(memory.buffer)
  }
}

function aligned(address: number): number {
  return Math.ceil(address / 16) * 16
}

/** One row serves as many as are asked for. */
export function strideOf(matrix: Placed, rows: number): number {
  return matrix.rows === 1 && rows !== 1 ? 0 : matrix.stride
}

export function commonRows(matrices: readonly Matrix[]): number {
  let rows = 1
  for (const matrix of matrices) if (matrix.rows !== 1) rows = matrix.rows
  for (const matrix of matrices) assert(matrix.rows === rows || matrix.rows === 1, `${matrix.rows} rows beside ${rows}`)
  return rows
}

export function wholeGroups(columns: number, width: number): number {
  assert(columns % width === 0, `${columns} columns in groups of ${width}`)
  return columns / width
}

/** Whether the matrices lie side by side already: columns of one. */
export function areAdjacent(matrices: readonly Placed[]): boolean {
  const first = matrices[0]!
  let address = first.address
  for (const own of matrices) {
    if (own.rows !== first.rows || own.stride !== first.stride || own.address !== address) return false
    address += own.columns * 4
  }
  return true
}
