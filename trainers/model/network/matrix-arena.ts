// The port of dense compute: float32 matrices in a memory of one's own and the operations that layers are made of. A driver
// implements this; layers, networks and losses are written against it once.
import type { DenseParameter } from '../model.ts'

/** Row-major. A row vector is a matrix of one row. Made by an arena and good there only, until its next `clear`. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
}

export interface ProductOptions {
  /** The left operand is held transposed. */
  readonly transposeLeft?: boolean
  /** The right operand is held transposed. */
  readonly transposeRight?: boolean
  /** One row, added to each row. */
  readonly bias?: Matrix | undefined
  /** Added to the product; one row of either serves all of the other. */
  readonly plus?: Matrix | undefined
  /** So many columns from the first go through a ReLU at the end. */
  readonly rectified?: number
}

/** What the in-batch softmax needs beside the similarities, one number per row each. */
export interface InBatchChoice {
  /** Logits are similarities divided by it. */
  readonly temperature: number
  /** Of each row's own choice; 0: the row teaches nothing. May be negative. */
  readonly weights: Float32Array
  /** Subtracted from the logits of the entry. */
  readonly logFrequencies: Float32Array
  /** Whole numbers below 2^24: an entry elsewhere with the row's own number is no alternative to it. */
  readonly groups: Float32Array
}

/**
 * Operations return matrices of their own; operands stay as they are. Where an operand of an element-wise or grouped
 * operation has one row, that row serves all. Shapes that do not fit are a programmer's error. Equal calls on equal numbers
 * give equal bytes on one driver and build; the driver of own kernels gives them on every machine.
 */
export interface MatrixArena {
  /** Forgets all matrices but parameters; their memory is used again. */
  clear(): void
  /** Of the names the arena was made for. Uploaded when another object is given than the last time. Lasts. */
  parameter(parameter: DenseParameter): Matrix
  /** The first rows x columns of `values`. */
  write(rows: number, columns: number, values: Float32Array): Matrix
  /** Row-major values of each, maybe views: good until the arena's next call. */
  read(matrices: readonly Matrix[]): Float32Array[]
  /** Gives the arena back; nothing of it may be used again. */
  dispose(): void

  multiply(left: Matrix, right: Matrix, options?: ProductOptions): Matrix
  add(left: Matrix, right: Matrix): Matrix
  multiplyElements(left: Matrix, right: Matrix): Matrix
  /** One row. */
  sumColumns(matrix: Matrix): Matrix
  /** `gradient` where `output` is positive, else 0, in the first `rectified` columns; `gradient` in the rest. */
  throughRelu(gradient: Matrix, output: Matrix, rectified: number): Matrix
  /** Columns from, from + 1, ... before `to`. */
  columns(matrix: Matrix, from: number, to: number): Matrix
  rows(matrix: Matrix, from: number, to: number): Matrix
  /** Side by side. */
  concat(matrices: readonly Matrix[]): Matrix
  /** Adds `piece` to the columns of `target` from `from` on. May change `target`, which must be this call's own result;
   *  null stands for zeros of so many columns. */
  accumulate(target: Matrix | null, columns: number, from: number, piece: Matrix): Matrix

  /** The two halves of a factorization term (Rendle 2010) over groups of `width` columns: per column the sum of all groups,
   *  and (sum^2 - sum of squares) / 2. */
  pairs(groups: readonly Matrix[], width: number): { readonly sums: Matrix; readonly term: Matrix }
  /** Gradient of the term at one matrix of groups. */
  pairsGradient(groups: Matrix, sums: Matrix, above: Matrix): Matrix
  /** rows x groups: the dot of each group of columns with the row's vector. */
  groupDots(values: Matrix, vectors: Matrix): Matrix
  /** rows x width: the sum of each row's groups, each times its weight (rows x groups). */
  groupSums(weights: Matrix, values: Matrix): Matrix
  /** rows x (groups * width): the row's vector once per group, times the group's weight. */
  groupProducts(weights: Matrix, vectors: Matrix): Matrix

  softmax(matrix: Matrix): Matrix
  /** At the softmax's inputs, from its outputs. */
  softmaxGradient(output: Matrix, gradient: Matrix): Matrix
  /** Rows divided by their lengths; `lengths` is rows x 1. */
  unitRows(matrix: Matrix): { readonly vectors: Matrix; readonly lengths: Matrix }
  unitRowsGradient(vectors: Matrix, lengths: Matrix, gradient: Matrix): Matrix
  /** Gradient at the similarities (size x size, query by entry) of the sampled softmax with log-Q correction. */
  inBatchSoftmaxGradient(similarities: Matrix, choice: InBatchChoice): Matrix
}

/** A named shape. */
export interface ParameterShape {
  readonly name: string
  readonly shape: readonly number[]
}

export interface ComputeDriver {
  readonly name: string
  /** A fresh arena with room for these parameters. */
  arena(parameters: readonly ParameterShape[]): MatrixArena
}

/** Rows and columns of a parameter: a vector is one row. */
export function matrixShape(shape: readonly number[]): { readonly rows: number; readonly columns: number } {
  return shape.length === 1 ? { rows: 1, columns: shape[0]! } : { rows: shape[0]!, columns: shape[1]! }
}
