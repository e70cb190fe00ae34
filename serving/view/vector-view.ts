// Item vectors under a tower generation, with the query tower that fits them: both change in one step, when every live
// video has its vector of the new generation.
import type { GenerationReady, ItemVector } from '../../schemas/generated.ts'
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import type { VectorIndex } from '../retrieval/vector-index.ts'
import type { Catalog } from './catalog.ts'

/** The query tower of one generation. */
export interface QueryEncoder {
  readonly dimension: number
  /** See TowerEncoder; 0 where it is not said. */
  readonly priorScale?: number
  encodeQuery(query: FeatureRow, userBucket: number): Float32Array
  /** Gives back what it holds; called when another generation has taken over. */
  dispose?(): void
}

export interface VectorViewOptions {
  readonly catalog: Catalog
  makeIndex(): VectorIndex
  encoderOf(ready: GenerationReady): QueryEncoder
}

export class VectorView {
  private readonly options: VectorViewOptions
  private generationNumber = 0
  private current: VectorIndex
  private currentEncoder: QueryEncoder | null = null
  private next: VectorIndex
  private nextGeneration = 0

  constructor(options: VectorViewOptions) {
    this.options = options
    this.current = options.makeIndex()
    this.next = options.makeIndex()
  }

  /** 0 before the first generation is whole. */
  get generation(): number {
    return this.generationNumber
  }

  /** Vectors to search; empty before the first generation. */
  get index(): VectorIndex {
    return this.current
  }

  /** null before the first generation. */
  get encoder(): QueryEncoder | null {
    return this.currentEncoder
  }

  upsert(record: ItemVector): void {
    const number = this.options.catalog.numberOf(record.videoId)
    if (number === null) return
    const whole = this.currentEncoder !== null
    if (whole && record.generation === this.generationNumber) {
      put(this.current, number, record.vector)
      return
    }
    if (record.generation < this.nextGeneration) return
    if (record.generation > this.nextGeneration) {
      this.next.clear()
      this.nextGeneration = record.generation
    }
    put(this.next, number, record.vector)
  }

  ready(record: GenerationReady): void {
    if (this.currentEncoder !== null && record.generation <= this.generationNumber) return
    const encoder = this.options.encoderOf(record)
    this.currentEncoder?.dispose?.()
    this.currentEncoder = encoder
    this.generationNumber = record.generation
    if (record.generation !== this.nextGeneration) this.next.clear()
    const emptied = this.current
    this.current = this.next
    this.next = emptied
    this.next.clear()
    this.nextGeneration = record.generation
  }
}

function put(index: VectorIndex, number: number, vector: Uint8Array): void {
  if (vector.byteLength === 0) index.remove(number)
  else index.upsert(number, decodeFloats(vector))
}
