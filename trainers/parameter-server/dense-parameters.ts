// The dense tensors that a shard owns: each learns by AdaGrad with an accumulator of its own, and says when it has changed.
import type { DenseTensor } from '../../schemas/generated.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { DenseParameter } from '../model/model.ts'

export interface DenseOptimizer {
  readonly learningRate: number
  readonly initialAccumulator: number
}

export type DenseOptimizerOf = (name: string) => DenseOptimizer

const defaultOptimizer: DenseOptimizer = { learningRate: 0.01, initialAccumulator: 0.01 }
/** Keeps the division of a dense step finite. */
const denseEpsilon = 1e-10

export class DenseParameters {
  readonly #parameters: Map<string, DenseParameter>
  readonly #accumulators = new Map<string, Float32Array>()
  readonly #optimizerOf: DenseOptimizerOf
  readonly #changed = new Set<string>()

  constructor(initial: ReadonlyMap<string, DenseParameter> = new Map(), optimizerOf?: DenseOptimizerOf) {
    this.#parameters = new Map(initial)
    this.#optimizerOf = optimizerOf ?? (() => defaultOptimizer)
    for (const { name, values } of this.#parameters.values()) {
      this.#accumulators.set(name, new Float32Array(values.length).fill(this.#optimizerOf(name).initialAccumulator))
    }
  }

  get parameters(): ReadonlyMap<string, DenseParameter> {
    return this.#parameters
  }

  /** Names of the tensors changed since they were last taken, ascending. */
  get changed(): string[] {
    return [...this.#changed].sort()
  }

  /** One AdaGrad step (Duchi et al. 2011, per element). A gradient with a value that is not finite is refused whole. */
  push(name: string, gradient: Float32Array): boolean {
    const parameter = this.#parameters.get(name)
    assert(parameter && parameter.values.length === gradient.length, `dense tensor ${name} takes this gradient`)
    if (!allFinite(gradient)) return false
    adagrad(parameter.values, gradient, this.#accumulators.get(name)!, this.#optimizerOf(name).learningRate)
    // A new object over the same values: whoever keeps a copy sees that it is old.
    this.#parameters.set(name, { ...parameter })
    this.#changed.add(name)
    return true
  }

  /** Copies of the changed tensors, which count as sent from here on. */
  takeChanged(): DenseTensor[] {
    const names = this.changed
    this.#changed.clear()
    return names.map((name) => {
      const { shape, values } = this.#parameters.get(name)!
      return { name, shape, values: encodeFloats(values.slice()) }
    })
  }

  /** Tensors and accumulators as they are now: copies, because what is dumped may be stored while the next step changes
   *  these in place. */
  copies() {
    return {
      dense: new Map([...this.#parameters].map(([name, own]) => [name, { ...own, values: own.values.slice() }])),
      accumulators: new Map([...this.#accumulators].map(([name, values]) => [name, values.slice()])),
    }
  }

  /** Copies. Throws RangeError on tensors that are not those of this shard. */
  load(
    dense: ReadonlyMap<string, DenseParameter>,
    accumulators: ReadonlyMap<string, Float32Array>,
    changed: readonly string[],
  ): void {
    for (const { name, shape, values } of dense.values()) {
      const own = this.#parameters.get(name)
      const accumulator = accumulators.get(name)
      if (!own || own.values.length !== values.length || !accumulator) {
        throw new RangeError(`dense tensor ${name} of the dump does not fit this shard`)
      }
      this.#parameters.set(name, { name, shape, values: values.slice() })
      this.#accumulators.set(name, accumulator.slice())
    }
    this.#changed.clear()
    for (const name of changed) this.#changed.add(name)
  }
}

function allFinite(values: Float32Array): boolean {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += values[index]! * 0
  return sum === 0
}

function adagrad(values: Float32Array, gradient: Float32Array, accumulator: Float32Array, learningRate: number): void {
  for (let index = 0; index < values.length; index++) {
    const g = gradient[index]!
    if (g === 0) continue
    const sum = accumulator[index]! + g * g
    accumulator[index] = sum
    values[index] = values[index]! - (learningRate * g) / (Math.sqrt(sum) + denseEpsilon)
  }
}
