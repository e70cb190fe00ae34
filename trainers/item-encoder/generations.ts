// The generation in use and the one under way: frozen towers, each under a number of its own, and the records in which their
// vectors travel.
import type { AnyRecord } from '../../schemas/generated.ts'
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { decodeFloats, encodeFloats } from '../../schemas/layouts/floats.ts'
import { vectorsOf } from '../../schemas/topics.ts'
import type { VideoFacts } from '../../streams/features/feature.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { partitionOf } from '../../streams/log/log.ts'
import type { StepOutput } from '../../streams/processor/processor.ts'
import { initialDense } from '../model/initial-parameters.ts'
import type { DenseParameter, Parameters } from '../model/model.ts'
import { modelLayout } from '../model/model-layout.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { type DisposableTowerEncoder, frozenTensors, towerEncoder, towerTensors } from '../model/tower-encoder.ts'
import { neutralQuery } from './neutral-query.ts'

/** Key of GenerationReady in the compacted topic: no video's id. */
export const generationKey = '\u0000generation'

const encodedTogetherMax = 512
/** A row takes about a kilobyte. */
const rowsKeptMax = 32_768

export interface Generation {
  readonly number: number
  /** Tensors of both towers. */
  readonly frozen: ReadonlyMap<string, DenseParameter>
  readonly encoder: DisposableTowerEncoder
}

/** Plain JSON; the tensors' values go beside it. */
export interface GenerationsFacts {
  readonly current: number | null
  readonly next: number | null
  readonly newestNumber: number
  /** Name and shape: those of the generation in use, then those of the one under way. */
  readonly tensors: readonly (readonly [string, readonly number[]])[]
}

export class Generations {
  readonly #spec: ModelSpec
  readonly #featureSet: FeatureSet
  readonly #parameters: Parameters
  readonly #initial: ReadonlyMap<string, DenseParameter>
  readonly #rowByFacts = new Map<VideoFacts, FeatureRow>()
  #current: Generation | null = null
  #next: Generation | null = null
  #newestNumber = 0

  /** Rows are read, and tensors frozen, from `parameters`. */
  constructor(spec: ModelSpec, featureSet: FeatureSet, parameters: Parameters) {
    this.#spec = spec
    this.#featureSet = featureSet
    this.#parameters = parameters
    this.#initial = initialDense(spec, modelLayout(spec, featureSet))
  }

  /** In use. */
  get current(): Generation | null {
    return this.#current
  }

  /** Under way. */
  get next(): Generation | null {
    return this.#next
  }

  /** Freezes the tensors as they are for the generation under way from here on; the one before must have ended. */
  begin(): Generation {
    const { dense } = this.#parameters
    const tensors = [...towerTensors('query', dense, this.#initial), ...towerTensors('entry', dense, this.#initial)]
    this.#next = this.#generationOf(++this.#newestNumber, frozenTensors(tensors))
    return this.#next
  }

  /** The generation under way is in use from here on. */
  finish(videos: number, output: StepOutput, eventTimeMs: number): void {
    const { number, frozen } = this.#next!
    this.#current?.encoder.dispose()
    this.#current = this.#next
    this.#next = null
    const dense = towerTensors('query', frozen, this.#initial)
    this.#send(output, generationKey, { type: 'GenerationReady', generation: number, videos, eventTimeMs, dense })
  }

  /** Lets go of the one under way; the next is numbered past `number`. */
  abandon(number: number): void {
    this.#next?.encoder.dispose()
    this.#next = null
    this.#newestNumber = Math.max(this.#newestNumber, number)
  }

  /** Under the generation in use, and under the one under way as well: neither falls behind the other. */
  encode(videos: readonly VideoFacts[], output: StepOutput, eventTimeMs: number): void {
    for (const generation of this.#both()) this.encodeUnder(generation, videos, output, eventTimeMs)
  }

  encodeUnder(generation: Generation, videos: readonly VideoFacts[], output: StepOutput, eventTimeMs: number): void {
    const { dimension } = generation.encoder
    for (let from = 0; from < videos.length; from += encodedTogetherMax) {
      const some = videos.slice(from, from + encodedTogetherMax)
      const rows = some.map((facts) => this.#rowOf(facts))
      const vectors = generation.encoder.encodeEntries(rows)
      for (const [index, { videoId }] of some.entries()) {
        const vector = vectors.slice(index * dimension, (index + 1) * dimension)
        this.#emit(output, generation, videoId, vector, eventTimeMs)
      }
    }
  }

  remove(videoId: string, output: StepOutput, eventTimeMs: number): void {
    for (const generation of this.#both()) this.#emit(output, generation, videoId, new Float32Array(0), eventTimeMs)
  }

  facts(): GenerationsFacts {
    return {
      current: this.#current?.number ?? null,
      next: this.#next?.number ?? null,
      newestNumber: this.#newestNumber,
      tensors: this.#tensors().map(({ name, shape }) => [name, shape]),
    }
  }

  /** In the order of `tensors` of the facts. */
  values(): Uint8Array[] {
    return this.#tensors().map(({ values }) => encodeFloats(values))
  }

  restore({ current, next, newestNumber, tensors }: GenerationsFacts, values: readonly Uint8Array[]): void {
    const all = tensors.map(([name, shape], index) => ({ name, shape, values: decodeFloats(values[index]!).slice() }))
    const perGeneration = next === null ? all.length : all.length / 2
    const generation = (number: number, own: readonly DenseParameter[]) =>
      this.#generationOf(number, new Map(own.map((tensor) => [tensor.name, tensor])))
    for (const old of this.#both()) old.encoder.dispose()
    this.#current = current === null ? null : generation(current, all.slice(0, perGeneration))
    this.#next = next === null ? null : generation(next, all.slice(perGeneration))
    this.#newestNumber = newestNumber
  }

  #generationOf(number: number, frozen: ReadonlyMap<string, DenseParameter>): Generation {
    const [spec, featureSet, parameters] = [this.#spec, this.#featureSet, this.#parameters]
    return { number, frozen, encoder: towerEncoder({ spec, featureSet, parameters, frozen }) }
  }

  /** Nobody asks, so a row is a function of the facts alone. */
  #rowOf(facts: VideoFacts): FeatureRow {
    let row = this.#rowByFacts.get(facts)
    if (row) return row
    row = this.#featureSet.readEntry(neutralQuery, facts)
    // The ones longest there go: those that are gone from the catalog are among them sooner or later.
    if (this.#rowByFacts.size >= rowsKeptMax) this.#rowByFacts.delete(this.#rowByFacts.keys().next().value!)
    this.#rowByFacts.set(facts, row)
    return row
  }

  #both(): Generation[] {
    return [this.#current, this.#next].filter((generation) => generation !== null)
  }

  #tensors(): DenseParameter[] {
    return this.#both().flatMap(({ frozen }) => [...frozen.values()])
  }

  #emit(output: StepOutput, { number }: Generation, videoId: string, vector: Float32Array, eventTimeMs: number): void {
    const record = { videoId, generation: number, vector: encodeFloats(vector), eventTimeMs }
    this.#send(output, videoId, { type: 'ItemVector', ...record })
  }

  #send(output: StepOutput, key: string, record: AnyRecord): void {
    output.emit(vectorsOf(this.#spec.model), key, record, partitionOf(0))
  }
}
