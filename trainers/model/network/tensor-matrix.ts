// A matrix of the TensorFlow.js driver. Columns of one are copied out only when somebody wants them by themselves: mostly all
// of them come together again.
import type * as TensorFlow from '@tensorflow/tfjs-core'
import type { Matrix } from './matrix-arena.ts'

export type Tensor2D = TensorFlow.Tensor2D

export interface TensorMatrix extends Matrix {
  readonly tensor: Tensor2D
  /** Set where it is columns of another. */
  readonly part?: { readonly of: TensorMatrix; readonly from: number }
}

export const tensorOf = (matrix: Matrix): Tensor2D => (matrix as TensorMatrix).tensor

/** Columns `from` to `to`; `copy` is called once, when they are first wanted. */
export function columnsOf(
  of: TensorMatrix,
  from: number,
  to: number,
  copy: (of: TensorMatrix) => Tensor2D,
): TensorMatrix {
  let tensor: Tensor2D | null = null
  return {
    rows: of.rows,
    columns: to - from,
    part: { of, from },
    get tensor() {
      tensor ??= copy(of)
      return tensor
    },
  }
}

/** The matrix whose columns these are, one after the other from the first to the last; null where there is none. */
export function wholeOf(parts: readonly TensorMatrix[]): TensorMatrix | null {
  const of = parts[0]?.part?.of
  let columns = 0
  for (const { part, columns: own } of parts) {
    if (part === undefined || part.of !== of || part.from !== columns) return null
    columns += own
  }
  return of?.columns === columns ? of : null
}
