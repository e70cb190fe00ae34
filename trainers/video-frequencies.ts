// How often each video is drawn, estimated from a stream (Yi et al. 2019, algorithm 2): per hashed video the running mean
// of the distance between its draws, counted in examples. Bounded: videos that share a bucket share an estimate.
import type { TowersSpec } from './model/model-spec.ts'

const bytesPerBucket = 16

export class VideoFrequencies {
  readonly #learningRate: number
  readonly #buckets: number
  /** One buffer: f64 draw at which a bucket was last seen, f32 mean distance, u32 draws. */
  #bytes: Uint8Array
  #lastDraw!: Float64Array
  #distance!: Float32Array
  #draws!: Uint32Array
  #drawCount = 0

  constructor({ learningRate, buckets }: TowersSpec['frequency']) {
    this.#learningRate = learningRate
    this.#buckets = buckets
    this.#bytes = new Uint8Array(buckets * bytesPerBucket)
    this.#bind()
  }

  get drawCount(): number {
    return this.#drawCount
  }

  draw(videoId: bigint): void {
    const bucket = this.#bucketOf(videoId)
    const draw = ++this.#drawCount
    const draws = ++this.#draws[bucket]!
    const since = draw - this.#lastDraw[bucket]!
    // The first few draws are averaged: a fixed rate would keep the first distance for long.
    const rate = Math.max(this.#learningRate, 1 / draws)
    this.#distance[bucket] = this.#distance[bucket]! * (1 - rate) + since * rate
    this.#lastDraw[bucket] = draw
  }

  /** Logarithm of the share of draws that are this video; of one never drawn, as if it were the next. */
  logFrequency(videoId: bigint): number {
    const bucket = this.#bucketOf(videoId)
    const distance = this.#draws[bucket] === 0 ? this.#drawCount + 1 : this.#distance[bucket]!
    return -Math.log(Math.max(1, distance))
  }

  dump(): Uint8Array {
    return this.#bytes.slice()
  }

  /** Throws RangeError on a dump of another size. */
  load(bytes: Uint8Array, drawCount: number): void {
    if (bytes.byteLength !== this.#bytes.byteLength) throw new RangeError(`frequencies of ${bytes.byteLength} bytes`)
    this.#bytes = bytes.slice()
    this.#drawCount = drawCount
    this.#bind()
  }

  #bind(): void {
    const { buffer } = this.#bytes
    this.#lastDraw = new Float64Array(buffer, 0, this.#buckets)
    this.#distance = new Float32Array(buffer, this.#buckets * 8, this.#buckets)
    this.#draws = new Uint32Array(buffer, this.#buckets * 12, this.#buckets)
  }

  #bucketOf(videoId: bigint): number {
    return Number(videoId % BigInt(this.#buckets))
  }
}
