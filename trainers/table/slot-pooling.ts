// Mean pooling of a batch's embedding rows per slot, and its exact reverse for gradients, in a kernel with a memory of its
// own: what goes in and comes out are views of it. Sums are float32 in the order of the ids, so equal batches give equal bytes.
import { assert } from '../../streams/runtime/errors.ts'
import { copyFloats } from './copies.ts'
import { kernelModule } from './kernel-module.ts'

interface PoolingKernel {
  readonly memory: WebAssembly.Memory
  memoryStart(): number
  pool(cells: number, dimension: number, counts: number, index: number, rows: number, out: number): void
  unpool(
    cells: number,
    dimension: number,
    counts: number,
    index: number,
    gradient: number,
    rows: number,
    share: number,
  ): void
}

const pageBytes = 65_536
/** Kernels of this thread whose owner has let go of them: each has address space of its own, and growing one is dear. */
const idle: PoolingKernel[] = []
const bytesMax = 2 ** 32 - pageBytes

export class SlotPooling {
  /** Ids present, by example and slot. */
  counts = new Uint32Array(0)
  /** Row of each id present, in the order of the slots. */
  index = new Uint32Array(0)
  /** One per distinct id, row-major. */
  rows = new Float32Array(0)
  /** What a slot's ids come to, or a gradient there: examples x slots x dimension. */
  pooled = new Float32Array(0)
  readonly #kernel: PoolingKernel
  readonly #slots: number
  readonly #dimension: number
  #share = 0

  constructor(slots: number, dimension: number) {
    this.#slots = slots
    this.#dimension = dimension
    this.#kernel = idle.pop() ?? (new WebAssembly.Instance(kernelModule('pooling')).exports as unknown as PoolingKernel)
  }

  /** Its memory serves another; nothing may be asked of it afterwards. */
  release(): void {
    this.reserve(0, 0)
    idle.push(this.#kernel)
  }

  /** Makes room; all arrays are others afterwards, and what they held is lost. */
  reserve(exampleCount: number, idCount: number): void {
    const cells = exampleCount * this.#slots
    const { memory } = this.#kernel
    let next = this.#kernel.memoryStart()
    const take = (elements: number): number => {
      const at = Math.ceil(next / 16) * 16
      next = at + elements * 4
      return at
    }
    const [counts, index] = [take(cells), take(idCount)]
    const [rows, pooled] = [take(idCount * this.#dimension), take(cells * this.#dimension)]
    this.#share = take(this.#dimension)
    assert(next <= bytesMax, `a batch needs ${next} bytes at once: use smaller batches`)
    const missing = Math.ceil((next - memory.buffer.byteLength) / pageBytes)
    if (missing > 0) memory.grow(missing)
    this.counts = new Uint32Array(memory.buffer, counts, cells)
    this.index = new Uint32Array(memory.buffer, index, idCount)
    this.rows = new Float32Array(memory.buffer, rows, idCount * this.#dimension)
    this.pooled = new Float32Array(memory.buffer, pooled, cells * this.#dimension)
  }

  /** Means of the rows into `pooled`, zeros where a slot has no id. */
  pool(exampleCount: number): void {
    const { counts, index, rows, pooled } = this
    const cells = exampleCount * this.#slots
    const addresses = [counts, index, rows, pooled].map(({ byteOffset }) => byteOffset) as Addresses
    this.#kernel.pool(cells, this.#dimension, ...addresses)
  }

  /** Adds the gradient in `pooled` to the rows: each id of a slot gets its share. */
  unpool(exampleCount: number): void {
    const { counts, index, rows, pooled } = this
    const cells = exampleCount * this.#slots
    const addresses = [counts, index, pooled, rows].map(({ byteOffset }) => byteOffset) as Addresses
    this.#kernel.unpool(cells, this.#dimension, ...addresses, this.#share)
  }
}

type Addresses = [number, number, number, number]

/** Columns that follow one another both among an example's pooled slots and in the input that they are copied to. */
export interface ColumnRun {
  /** First among the pooled columns. */
  readonly own: number
  /** First in the input. */
  readonly column: number
  readonly width: number
}

/** `columns`: where each slot begins in the input; the pooled slots follow one another from `start` on. */
export function columnRuns(columns: Iterable<number>, dimension: number, start: number): ColumnRun[] {
  const runs: ColumnRun[] = []
  let own = start
  for (const column of columns) {
    const last = runs.at(-1)
    if (last && last.column + last.width === column) runs[runs.length - 1] = { ...last, width: last.width + dimension }
    else runs.push({ own, column, width: dimension })
    own += dimension
  }
  return runs
}

/** The runs of a copy back: from the input to the pooled slots. */
export function reversedRuns(runs: readonly ColumnRun[]): ColumnRun[] {
  return runs.map(({ own, column, width }) => ({ own: column, column: own, width }))
}

/** Copies the runs of each row, from `own` to `column`; strides are columns from row to row. */
export function copyRuns(
  runs: readonly ColumnRun[],
  rowCount: number,
  from: Float32Array,
  fromStride: number,
  to: Float32Array,
  toStride: number,
): void {
  for (let row = 0; row < rowCount; row++) {
    for (let index = 0; index < runs.length; index++) {
      const { own, column, width } = runs[index]!
      copyFloats(from, row * fromStride + own, to, width, row * toStride + column)
    }
  }
}
