// Dense parameters as tensors on this thread's backend, uploaded again only when a parameter was replaced.
import * as tf from '@tensorflow/tfjs-core'
import { assert } from '../../streams/runtime/errors.ts'
import type { DenseParameter } from './model.ts'

interface Uploaded {
  readonly parameter: DenseParameter
  readonly tensor: tf.Tensor
}

/** Follows `dense`; names that are not there (yet) come from `initial`. */
export class DenseTensors {
  readonly #dense: ReadonlyMap<string, DenseParameter>
  readonly #initial: ReadonlyMap<string, DenseParameter>
  readonly #uploadedByName = new Map<string, Uploaded>()

  constructor(dense: ReadonlyMap<string, DenseParameter>, initial: ReadonlyMap<string, DenseParameter>) {
    this.#dense = dense
    this.#initial = initial
  }

  /** The tensor stays owned here. A parameter counts as changed when its object is another one. */
  matrix(name: string): tf.Tensor2D {
    return this.#tensor(name, 2) as tf.Tensor2D
  }

  vector(name: string): tf.Tensor1D {
    return this.#tensor(name, 1) as tf.Tensor1D
  }

  dispose(): void {
    for (const { tensor } of this.#uploadedByName.values()) tensor.dispose()
    this.#uploadedByName.clear()
  }

  #tensor(name: string, rank: number): tf.Tensor {
    const initial = this.#initial.get(name)
    assert(initial, `dense tensor ${name} belongs to the model`)
    const parameter = this.#dense.get(name) ?? initial
    const uploaded = this.#uploadedByName.get(name)
    if (uploaded?.parameter === parameter) return uploaded.tensor
    assert(sameShape(parameter.shape, initial.shape), `${name} has the shape that the feature set asks for`)
    assert(parameter.shape.length === rank, `${name} has rank ${rank}`)
    uploaded?.tensor.dispose()
    const tensor = tf.keep(tf.tensor(parameter.values, parameter.shape as number[]))
    this.#uploadedByName.set(name, { parameter, tensor })
    return tensor
  }
}

function sameShape(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((size, axis) => size === right[axis])
}
