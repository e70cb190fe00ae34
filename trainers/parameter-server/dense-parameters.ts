// The dense tensors that a shard owns: each learns by AdaGrad with an accumulator of its own, and says when it has changed.
import type { DenseTensor } from '../../schemas/generated.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { DenseParameter } from '../model/model.ts'
import { KernelMemory } from '../model/network/kernel-memory.ts'

export interface DenseOptimizer {
  readonly learningRate: number
  readonly initialAccumulator: number
}

export type DenseOptimizerOf = (name: string) => DenseOptimizer

const defaultOptimizer: DenseOptimizer = { learningRate: 0.01, initialAccumulator: 0.01 }

/** Where a tensor's numbers lie in the kernel's memory. */
interface Placed {
  readonly count: number
  readonly values: number
  readonly accumulator: number
}

export class DenseParameters {
  readonly #parameters: Map<string, DenseParameter>
  readonly #accumulators = new Map<string, Float32Array>()
  readonly #memory = new KernelMemory()
  readonly #placedByName = new Map<string, Placed>()
  readonly #gradient: number
  readonly #optimizerOf: DenseOptimizerOf
  readonly #changed = new Set<string>()

  constructor(initial: ReadonlyMap<string, DenseParameter> = new Map(), optimizerOf?: DenseOptimizerOf) {
    this.#parameters = new Map(initial)
    this.#optimizerOf = optimizerOf ?? (() => defaultOptimizer)
    let largest = 0
    for (const { name, values } of initial.values()) {
      const count = values.length
      this.#placedByName.set(name, { count, values: this.#memory.take(count), accumulator: this.#memory.take(count) })
      largest = Math.max(largest, count)
    }
    this.#gradient = this.#memory.take(largest)
    // The memory grows no more from here on, so that views of it stay good.
    for (const [name, { count, values, accumulator }] of this.#placedByName) {
      const own = { ...initial.get(name)!, values: this.#memory.view(values, count) }
      own.values.set(initial.get(name)!.values)
      this.#parameters.set(name, own)
      const sums = this.#memory.view(accumulator, count).fill(this.#optimizerOf(name).initialAccumulator)
      this.#accumulators.set(name, sums)
    }
  }

  get parameters(): ReadonlyMap<string, DenseParameter> {
    return this.#parameters
  }

  /** Names of the tensors changed since they were last taken, ascending. */
  get changed(): string[] {
    return [...this.#changed].sort()
  }

  /** One AdaGrad step (Duchi et al. 2011, per element), in place. A gradient with a value that is not finite is refused whole. */
  push(name: string, gradient: Float32Array): boolean {
    const parameter = this.#parameters.get(name)
    assert(parameter && parameter.values.length === gradient.length, `dense tensor ${name} takes this gradient`)
    const { kernel } = this.#memory
    const { count, values, accumulator } = this.#placedByName.get(name)!
    this.#memory.view(this.#gradient, count).set(gradient)
    if (!kernel.allFinite(this.#gradient, count)) return false
    kernel.adagrad(values, accumulator, this.#gradient, count, this.#optimizerOf(name).learningRate)
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

  /** Takes copies. Throws RangeError on tensors that are not those of this shard. */
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
      own.values.set(values)
      this.#parameters.set(name, { name, shape, values: own.values })
      this.#accumulators.get(name)!.set(accumulator)
    }
    this.#changed.clear()
    for (const name of changed) this.#changed.add(name)
  }
}
