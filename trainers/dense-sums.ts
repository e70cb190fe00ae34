// Gradients of dense tensors summed over batches until they are sent, with the range of examples behind them.
import type { BatchQuality, DenseTensor } from '../schemas/generated.ts'
import { decodeFloats, encodeFloats } from '../schemas/layouts/floats.ts'
import { assert } from '../streams/runtime/errors.ts'
import { noQuality, qualitySum } from './batch-quality.ts'
import type { DenseParameter } from './model/model.ts'

export interface SentDense {
  readonly dense: DenseTensor[]
  readonly fromOffset: number
  readonly toOffset: number
  readonly eventTimeMs: number
  readonly quality: BatchQuality
}

/** Plain JSON beside the sums. */
export interface DenseSumsFacts {
  readonly range: Omit<SentDense, 'dense'> | null
  /** Tensors with a sum, in the order of their floats. */
  readonly names: readonly string[]
}

export class DenseSums {
  readonly #initial: ReadonlyMap<string, DenseParameter>
  readonly #sums = new Map<string, Float32Array>()
  #range: Omit<SentDense, 'dense'> | null = null

  /** Names and shapes of `initial` are meant. */
  constructor(initial: ReadonlyMap<string, DenseParameter>) {
    this.#initial = initial
  }

  /** Whether a batch was noted since the sums were last taken. */
  get isEmpty(): boolean {
    return this.#range === null
  }

  /** false: a number in it is none, and it was left out. */
  add(name: string, gradient: Float32Array): boolean {
    const parameter = this.#initial.get(name)
    assert(parameter?.values.length === gradient.length, `dense tensor ${name} takes this gradient`)
    if (!allFinite(gradient)) return false
    const sum = this.#sums.get(name)
    if (!sum) this.#sums.set(name, gradient.slice())
    else addTo(sum, gradient)
    return true
  }

  /** Says that a batch's gradients are in. */
  note(batch: Omit<SentDense, 'dense'>): void {
    const range = this.#range
    this.#range = {
      fromOffset: range?.fromOffset ?? batch.fromOffset,
      toOffset: batch.toOffset,
      eventTimeMs: Math.max(range?.eventTimeMs ?? batch.eventTimeMs, batch.eventTimeMs),
      quality: qualitySum(range?.quality ?? noQuality, batch.quality),
    }
  }

  /** Gives the sums by name, ascending, and starts anew; null where no batch was noted. */
  take(): SentDense | null {
    if (!this.#range) return null
    const dense = [...this.#sums].sort(byName).map(([name, sum]): DenseTensor => {
      return { name, shape: this.#initial.get(name)!.shape, values: encodeFloats(sum) }
    })
    const sent = { ...this.#range, dense }
    this.#sums.clear()
    this.#range = null
    return sent
  }

  dump(): { readonly facts: DenseSumsFacts; readonly bytes: Uint8Array } {
    const sums = [...this.#sums].sort(byName)
    const facts = { range: this.#range, names: sums.map(([name]) => name) }
    return { facts, bytes: Buffer.concat(sums.map(([, sum]) => encodeFloats(sum))) }
  }

  /** Throws RangeError on sums of other tensors. */
  load({ range, names }: DenseSumsFacts, bytes: Uint8Array): void {
    this.#sums.clear()
    this.#range = range
    let byteOffset = 0
    for (const name of names) {
      const length = (this.#initial.get(name)?.values.length ?? Number.NaN) * 4
      if (!(byteOffset + length <= bytes.byteLength)) throw new RangeError(`the sum of ${name} does not fit`)
      this.#sums.set(name, decodeFloats(new Uint8Array(bytes.subarray(byteOffset, byteOffset + length))))
      byteOffset += length
    }
    if (byteOffset !== bytes.byteLength) throw new RangeError(`${bytes.byteLength} bytes of sums, read ${byteOffset}`)
  }
}

function byName([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : 1
}

function addTo(sum: Float32Array, gradient: Float32Array): void {
  for (let index = 0; index < sum.length; index++) sum[index] = sum[index]! + gradient[index]!
}

function allFinite(values: Float32Array): boolean {
  let taint = 0
  for (let index = 0; index < values.length; index++) taint += values[index]! * 0
  return taint === 0
}
