// The default driver of dense compute: kernels of our own on one WebAssembly memory per arena. A fixed order, so that equal
// calls give equal bytes, on every machine whose processor multiplies and adds in one (`infra/decisions/0020`).
import { assert } from '../../../streams/runtime/errors.ts'
import type { DenseParameter } from '../model.ts'
import { areAdjacent, commonRows, KernelMemory, type Placed, strideOf, wholeGroups } from './kernel-memory.ts'
import type { Elementwise, Grouped, NetworkKernel } from './kernel-module.ts'
import { kernelProduct } from './kernel-product.ts'
import {
  type ComputeDriver,
  type InBatchChoice,
  type Matrix,
  type MatrixArena,
  matrixShape,
  type ParameterShape,
  type ProductOptions,
} from './matrix-arena.ts'

export const kernelDriver: ComputeDriver = { name: 'kernels', arena: (parameters) => new KernelArena(parameters) }

interface Held {
  readonly matrix: Placed
  from: DenseParameter | null
}

class KernelArena implements MatrixArena {
  readonly #memory = new KernelMemory()
  readonly #kernel: NetworkKernel
  readonly #heldByName = new Map<string, Held>()

  constructor(parameters: readonly ParameterShape[]) {
    this.#kernel = this.#memory.kernel
    for (const { name, shape } of parameters) {
      const { rows, columns } = matrixShape(shape)
      this.#heldByName.set(name, { matrix: this.#memory.place(rows, columns), from: null })
    }
    this.#memory.keep()
  }

  clear(): void {
    this.#memory.clear()
  }

  dispose(): void {
    this.#memory.release()
  }

  parameter(parameter: DenseParameter): Matrix {
    const held = this.#heldByName.get(parameter.name)
    assert(held, `the arena has room for ${parameter.name}`)
    if (held.from === parameter) return held.matrix
    const { address, rows, columns } = held.matrix
    assert(parameter.values.length === rows * columns, `${parameter.name} has ${rows} x ${columns} values`)
    this.#memory.view(address, rows * columns).set(parameter.values)
    held.from = parameter
    return held.matrix
  }

  write(rows: number, columns: number, values: Float32Array): Matrix {
    assert(values.length >= rows * columns, `${rows} x ${columns} values, ${values.length} given`)
    const out = this.#memory.place(rows, columns)
    const view = this.#memory.view(out.address, rows * columns)
    view.set(values.length === view.length ? values : values.subarray(0, view.length))
    return out
  }

  read(matrices: readonly Matrix[]): Float32Array[] {
    const whole = matrices.map((matrix) => this.#contiguous(matrix as Placed))
    return whole.map(({ address, rows, columns }) => this.#memory.view(address, rows * columns))
  }

  multiply(left: Matrix, right: Matrix, options: ProductOptions = {}): Matrix {
    return kernelProduct(this.#memory, left as Placed, right as Placed, options)
  }

  add(left: Matrix, right: Matrix): Matrix {
    return this.#elementwise(this.#kernel.addMatrices, left as Placed, right as Placed)
  }

  multiplyElements(left: Matrix, right: Matrix): Matrix {
    return this.#elementwise(this.#kernel.multiplyElements, left as Placed, right as Placed)
  }

  sumColumns(matrix: Matrix): Matrix {
    const { address, stride, rows, columns } = matrix as Placed
    const out = this.#memory.place(1, columns)
    this.#kernel.sumColumns(address, stride, rows, columns, out.address)
    return out
  }

  throughRelu(gradient: Matrix, output: Matrix, rectified: number): Matrix {
    const [above, of] = [gradient as Placed, output as Placed]
    const { rows, columns } = above
    assert(of.rows === rows && of.columns === columns && rectified <= columns, 'a gradient for each output')
    const out = this.#memory.place(rows, columns)
    this.#kernel.throughRelu(above.address, above.stride, of.address, of.stride, rows, columns, rectified, out.address)
    return out
  }

  columns(matrix: Matrix, from: number, to: number): Matrix {
    const { address, stride, rows, columns } = matrix as Placed
    assert(from >= 0 && from <= to && to <= columns, `columns ${from} to ${to} of ${columns}`)
    return { address: address + from * 4, stride, rows, columns: to - from } satisfies Placed as Matrix
  }

  rows(matrix: Matrix, from: number, to: number): Matrix {
    const { address, stride, rows, columns } = matrix as Placed
    assert(from >= 0 && from <= to && to <= rows, `rows ${from} to ${to} of ${rows}`)
    return { address: address + from * stride, stride, rows: to - from, columns } satisfies Placed as Matrix
  }

  concat(matrices: readonly Matrix[]): Matrix {
    const rows = commonRows(matrices)
    const columns = matrices.reduce((sum, own) => sum + own.columns, 0)
    if (areAdjacent(matrices as readonly Placed[])) return { ...(matrices[0] as Placed), columns } as Matrix
    const out = this.#memory.place(rows, columns)
    let to = out.address
    for (const matrix of matrices) {
      const own = matrix as Placed
      this.#kernel.copyRows(own.address, strideOf(own, rows), rows, own.columns, to, out.stride)
      to += own.columns * 4
    }
    return out
  }

  accumulate(target: Matrix | null, columns: number, from: number, piece: Matrix): Matrix {
    const own = piece as Placed
    const to = (target as Placed | null) ?? this.#zeros(own.rows, columns)
    assert(to.rows === own.rows && from + own.columns <= to.columns, 'a piece lies within what it is added to')
    this.#kernel.accumulate(own.address, own.stride, own.rows, own.columns, to.address + from * 4, to.stride)
    return to
  }

  pairs(groups: readonly Matrix[], width: number): { readonly sums: Matrix; readonly term: Matrix } {
    const rows = commonRows(groups)
    const [sums, squares, term] = [
      this.#memory.place(rows, width),
      this.#memory.place(rows, width),
      this.#memory.place(rows, width),
    ]
    for (const [index, matrix] of groups.entries()) {
      const own = matrix as Placed
      const count = wholeGroups(own.columns, width)
      const fresh = index === 0 ? 1 : 0
      const stride = strideOf(own, rows)
      this.#kernel.addGroups(own.address, stride, rows, count, width, sums.address, squares.address, fresh)
    }
    this.#kernel.pairTerm(sums.address, squares.address, rows * width, term.address)
    return { sums, term }
  }

  pairsGradient(groups: Matrix, sums: Matrix, above: Matrix): Matrix {
    const [own, all, over] = [groups as Placed, sums as Placed, above as Placed]
    const { rows, columns: width } = all
    assert(own.rows === rows && over.rows === rows, 'each row has its own groups')
    const out = this.#memory.place(rows, own.columns)
    const count = wholeGroups(own.columns, width)
    const { address, stride } = own
    this.#kernel.pairGradient(address, stride, over.address, over.stride, all.address, rows, count, width, out.address)
    return out
  }

  groupDots(values: Matrix, vectors: Matrix): Matrix {
    const count = wholeGroups(values.columns, vectors.columns)
    return this.#grouped(this.#kernel.groupDots, values, vectors, count, vectors.columns, count)
  }

  groupSums(weights: Matrix, values: Matrix): Matrix {
    const width = values.columns / weights.columns
    assert(Number.isInteger(width), `${values.columns} columns in ${weights.columns} groups`)
    return this.#grouped(this.#kernel.groupSums, weights, values, weights.columns, width, width)
  }

  groupProducts(weights: Matrix, vectors: Matrix): Matrix {
    const columns = weights.columns * vectors.columns
    return this.#grouped(this.#kernel.groupProducts, weights, vectors, weights.columns, vectors.columns, columns)
  }

  softmax(matrix: Matrix): Matrix {
    const { address, stride, rows, columns } = matrix as Placed
    const out = this.#memory.place(rows, columns)
    this.#kernel.softmaxRows(address, stride, rows, columns, out.address)
    return out
  }

  softmaxGradient(output: Matrix, gradient: Matrix): Matrix {
    const [of, above] = [output as Placed, gradient as Placed]
    assert(of.rows === above.rows && of.columns === above.columns, 'a gradient for each output')
    return this.#elementwise(this.#kernel.softmaxGradient, of, above)
  }

  unitRows(matrix: Matrix): { readonly vectors: Matrix; readonly lengths: Matrix } {
    const { address, stride, rows, columns } = matrix as Placed
    const [vectors, lengths] = [this.#memory.place(rows, columns), this.#memory.place(rows, 1)]
    this.#kernel.unitRows(address, stride, rows, columns, vectors.address, lengths.address)
    return { vectors, lengths }
  }

  unitRowsGradient(vectors: Matrix, lengths: Matrix, gradient: Matrix): Matrix {
    const [of, above] = [vectors as Placed, gradient as Placed]
    const { rows, columns } = of
    assert(above.rows === rows && above.columns === columns, 'a gradient for each vector')
    const out = this.#memory.place(rows, columns)
    const at = (lengths as Placed).address
    this.#kernel.unitGradient(of.address, of.stride, at, above.address, above.stride, rows, columns, out.address)
    return out
  }

  inBatchSoftmaxGradient(similarities: Matrix, choice: InBatchChoice): Matrix {
    const { address, stride, rows: size, columns } = similarities as Placed
    assert(columns === size, 'a similarity of each query with each entry')
    const { temperature, weights, logFrequencies, groups } = choice
    const [own, biases, numbers] = [weights, logFrequencies, groups].map((each) => this.write(1, size, each) as Placed)
    const out = this.#memory.place(size, size)
    const [first, second, third] = [own!.address, biases!.address, numbers!.address]
    this.#kernel.inBatchSoftmax(address, stride, size, 1 / temperature, first, second, third, out.address)
    return out
  }

  #elementwise(kernel: Elementwise, left: Placed, right: Placed): Matrix {
    assert(left.columns === right.columns, `${left.columns} columns beside ${right.columns}`)
    const rows = commonRows([left, right])
    const out = this.#memory.place(rows, left.columns)
    const strides = [strideOf(left, rows), strideOf(right, rows)] as const
    kernel(left.address, strides[0], right.address, strides[1], rows, left.columns, out.address)
    return out
  }

  #grouped(kernel: Grouped, first: Matrix, second: Matrix, groups: number, width: number, columns: number): Matrix {
    const rows = commonRows([first, second])
    const out = this.#memory.place(rows, columns)
    const [a, b] = [first as Placed, second as Placed]
    kernel(a.address, strideOf(a, rows), b.address, strideOf(b, rows), rows, groups, width, out.address)
    return out
  }

  #zeros(rows: number, columns: number): Placed {
    const out = this.#memory.place(rows, columns)
    this.#memory.view(out.address, rows * columns).fill(0)
    return out
  }

  #contiguous(matrix: Placed): Placed {
    if (matrix.stride === matrix.columns * 4 || matrix.rows === 1) return matrix
    const out = this.#memory.place(matrix.rows, matrix.columns)
    this.#kernel.copyRows(matrix.address, matrix.stride, matrix.rows, matrix.columns, out.address, out.stride)
    return out
  }
}
