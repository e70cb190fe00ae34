// The second driver of dense compute: the same operations by TensorFlow.js, on whichever of its backends is there.
import type * as TensorFlow from '@tensorflow/tfjs-core'
import { assert } from '../../../streams/runtime/errors.ts'
import type { DenseParameter } from '../model.ts'
import { type InBatchChoice, type Matrix, type MatrixArena, matrixShape, type ProductOptions } from './matrix-arena.ts'
import { columnsOf, type Tensor2D, type TensorMatrix, tensorOf, wholeOf } from './tensor-matrix.ts'

interface Held {
  readonly from: DenseParameter
  readonly matrix: TensorMatrix
}

/** Below this squared length a vector has no direction to speak of. */
const squaredLengthMin = 1e-12
/** A logit of what takes no part. */
const absent = -1e30

export class TensorArena implements MatrixArena {
  readonly #tf: typeof TensorFlow
  readonly #heldByName = new Map<string, Held>()
  readonly #transposesFirst: boolean
  #made: TensorFlow.Tensor[] = []

  /** `transposesFirst`: a transposed operand is turned before it is multiplied, for a backend that is slow on those. */
  constructor(tf: typeof TensorFlow, transposesFirst: boolean) {
    this.#tf = tf
    this.#transposesFirst = transposesFirst
  }

  clear(): void {
    for (const tensor of this.#made) tensor.dispose()
    this.#made = []
  }

  dispose(): void {
    this.clear()
    for (const { matrix } of this.#heldByName.values()) matrix.tensor.dispose()
    this.#heldByName.clear()
  }

  parameter(parameter: DenseParameter): Matrix {
    const held = this.#heldByName.get(parameter.name)
    if (held?.from === parameter) return held.matrix
    held?.matrix.tensor.dispose()
    const { rows, columns } = matrixShape(parameter.shape)
    assert(parameter.values.length === rows * columns, `${parameter.name} has ${rows} x ${columns} values`)
    // A copy: the backend may keep the array, whose owner changes it in place.
    const matrix = { rows, columns, tensor: this.#tf.tensor2d(parameter.values.slice(), [rows, columns]) }
    this.#heldByName.set(parameter.name, { from: parameter, matrix })
    return matrix
  }

  write(rows: number, columns: number, values: Float32Array): Matrix {
    assert(values.length >= rows * columns, `${rows} x ${columns} values, ${values.length} given`)
    return this.#make(() => this.#tf.tensor2d(values.slice(0, rows * columns), [rows, columns]))
  }

  read(matrices: readonly Matrix[]): Float32Array[] {
    return matrices.map((matrix) => tensorOf(matrix).dataSync() as Float32Array)
  }

  multiply(left: Matrix, right: Matrix, options: ProductOptions = {}): Matrix {
    const tf = this.#tf
    const { transposeLeft = false, transposeRight = false, rectified = 0, bias, plus } = options
    return this.#make(() => {
      const [turnLeft, turnRight] = [transposeLeft && this.#transposesFirst, transposeRight && this.#transposesFirst]
      const a = turnLeft ? tf.transpose(tensorOf(left)) : tensorOf(left)
      const b = turnRight ? tf.transpose(tensorOf(right)) : tensorOf(right)
      const product = tf.matMul(a, b, transposeLeft && !turnLeft, transposeRight && !turnRight)
      const shifted = bias ? tf.add(product, tensorOf(bias)) : product
      const sum = (plus ? tf.add(shifted, tensorOf(plus)) : shifted) as Tensor2D
      if (rectified === 0) return sum
      if (rectified === sum.shape[1]) return tf.relu(sum)
      return tf.concat([tf.relu(tf.slice(sum, [0, 0], [-1, rectified])), tf.slice(sum, [0, rectified], [-1, -1])], 1)
    })
  }

  add(left: Matrix, right: Matrix): Matrix {
    return this.#make(() => this.#tf.add(tensorOf(left), tensorOf(right)))
  }

  multiplyElements(left: Matrix, right: Matrix): Matrix {
    return this.#make(() => this.#tf.mul(tensorOf(left), tensorOf(right)))
  }

  sumColumns(matrix: Matrix): Matrix {
    return this.#make(() => this.#tf.sum(tensorOf(matrix), 0, true))
  }

  throughRelu(gradient: Matrix, output: Matrix, rectified: number): Matrix {
    const tf = this.#tf
    return this.#make(() => {
      // What went through a ReLU is not negative: its sign is 0 or 1.
      const passed = tf.mul(tensorOf(gradient), tf.sign(tensorOf(output)))
      if (rectified === gradient.columns) return passed
      return tf.concat(
        [tf.slice(passed, [0, 0], [-1, rectified]), tf.slice(tensorOf(gradient), [0, rectified], [-1, -1])],
        1,
      )
    })
  }

  columns(matrix: Matrix, from: number, to: number): Matrix {
    return columnsOf(matrix as TensorMatrix, from, to, (of) => {
      // Kept, because whoever wants it first may be tidied up before the next one does.
      return this.#make(() => this.#tf.keep(this.#tf.slice(of.tensor, [0, from], [-1, to - from]))).tensor
    })
  }

  rows(matrix: Matrix, from: number, to: number): Matrix {
    return this.#make(() => this.#tf.slice(tensorOf(matrix), [from, 0], [to - from, -1]))
  }

  concat(matrices: readonly Matrix[]): Matrix {
    const whole = wholeOf(matrices as readonly TensorMatrix[])
    if (whole) return whole
    const rows = Math.max(...matrices.map((matrix) => matrix.rows))
    return this.#make(() =>
      this.#tf.concat(
        matrices.map((matrix) => this.#spread(matrix, rows)),
        1,
      ),
    )
  }

  accumulate(target: Matrix | null, columns: number, from: number, piece: Matrix): Matrix {
    const tf = this.#tf
    return this.#make(() => {
      const wide = tf.pad(tensorOf(piece), [
        [0, 0],
        [from, columns - from - piece.columns],
      ])
      return target ? tf.add(tensorOf(target), wide) : wide
    })
  }

  pairs(groups: readonly Matrix[], width: number): { readonly sums: Matrix; readonly term: Matrix } {
    const tf = this.#tf
    const parts = groups.map((matrix) => this.#groups(matrix, width))
    const total = (values: readonly TensorFlow.Tensor[]) => values.reduce((left, right) => tf.add(left, right))
    const sums = this.#make(() => total(parts.map((part) => tf.sum(part, 1))))
    const term = this.#make(() => {
      const squares = total(parts.map((part) => tf.sum(tf.square(part), 1)))
      return tf.mul(tf.sub(tf.square(tensorOf(sums)), squares), 0.5)
    })
    return { sums, term }
  }

  pairsGradient(groups: Matrix, sums: Matrix, above: Matrix): Matrix {
    const tf = this.#tf
    return this.#make(() => {
      const others = tf.sub(tf.expandDims(tensorOf(sums), 1), this.#groups(groups, sums.columns))
      return tf.reshape(tf.mul(others, tf.expandDims(tensorOf(above), 1)), [groups.rows, groups.columns])
    })
  }

  groupDots(values: Matrix, vectors: Matrix): Matrix {
    const tf = this.#tf
    return this.#make(() =>
      tf.sum(tf.mul(this.#groups(values, vectors.columns), tf.expandDims(tensorOf(vectors), 1)), 2),
    )
  }

  groupSums(weights: Matrix, values: Matrix): Matrix {
    const tf = this.#tf
    const width = values.columns / weights.columns
    return this.#make(() => tf.sum(tf.mul(this.#groups(values, width), tf.expandDims(tensorOf(weights), 2)), 1))
  }

  groupProducts(weights: Matrix, vectors: Matrix): Matrix {
    const tf = this.#tf
    const rows = Math.max(weights.rows, vectors.rows)
    return this.#make(() => {
      const products = tf.mul(tf.expandDims(tensorOf(weights), 2), tf.expandDims(tensorOf(vectors), 1))
      return tf.reshape(products, [rows, weights.columns * vectors.columns])
    })
  }

  softmax(matrix: Matrix): Matrix {
    return this.#make(() => this.#tf.softmax(tensorOf(matrix), 1))
  }

  softmaxGradient(output: Matrix, gradient: Matrix): Matrix {
    const tf = this.#tf
    return this.#make(() => {
      const [of, above] = [tensorOf(output), tensorOf(gradient)]
      return tf.mul(of, tf.sub(above, tf.sum(tf.mul(of, above), 1, true)))
    })
  }

  unitRows(matrix: Matrix): { readonly vectors: Matrix; readonly lengths: Matrix } {
    const tf = this.#tf
    const of = tensorOf(matrix)
    const lengths = this.#make(() => tf.sqrt(tf.add(tf.sum(tf.square(of), 1, true), squaredLengthMin)))
    return { vectors: this.#make(() => tf.div(of, tensorOf(lengths))), lengths }
  }

  unitRowsGradient(vectors: Matrix, lengths: Matrix, gradient: Matrix): Matrix {
    const tf = this.#tf
    return this.#make(() => {
      const [of, above] = [tensorOf(vectors), tensorOf(gradient)]
      const along = tf.mul(of, tf.sum(tf.mul(of, above), 1, true))
      return tf.div(tf.sub(above, along), tensorOf(lengths))
    })
  }

  inBatchSoftmaxGradient(
    similarities: Matrix,
    { temperature, weights, logFrequencies, groups }: InBatchChoice,
  ): Matrix {
    const tf = this.#tf
    const size = similarities.rows
    return this.#make(() => {
      const own = tf.eye(size)
      const numbers = tf.tensor1d(groups.slice(0, size))
      const same = tf.equal(tf.expandDims(numbers, 1), tf.expandDims(numbers, 0))
      const repeated = tf.greater(tf.sub(tf.cast(same, 'float32'), own), 0)
      const logits = tf.sub(tf.div(tensorOf(similarities), temperature), tf.tensor1d(logFrequencies.slice(0, size)))
      const shares = tf.softmax(tf.where(repeated, tf.fill([size, size], absent), logits), 1)
      const scale = tf.div(tf.tensor2d(weights.slice(0, size), [size, 1]), temperature)
      return tf.mul(tf.sub(shares, own), scale)
    })
  }

  /** rows x groups x width. */
  #groups(matrix: Matrix, width: number): TensorFlow.Tensor3D {
    return this.#tf.reshape(tensorOf(matrix), [matrix.rows, matrix.columns / width, width])
  }

  #spread(matrix: Matrix, rows: number): Tensor2D {
    const own = tensorOf(matrix)
    return matrix.rows === rows ? own : this.#tf.tile(own, [rows, 1])
  }

  #make(compute: () => TensorFlow.Tensor): TensorMatrix {
    const tensor = this.#tf.tidy(compute) as Tensor2D
    this.#made.push(tensor)
    return { rows: tensor.shape[0], columns: tensor.shape[1], tensor }
  }
}
