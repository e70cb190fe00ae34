// The ranges that one example partition has sent to each bucket: a range names the end of the one before it, so that the
// bucket's owner can tell what is next, what it has, and what it missed.

export interface ChainedRange {
  readonly fromOffset: number
  readonly toOffset: number
  readonly previousToOffset: number
}

export class BucketChains {
  #previousToByBucket: number[]
  /** Ends of ranges sent in this life that no owner has said it folded; not part of the state. */
  readonly #unfoldedByBucket: number[][]
  readonly #foldedByBucket: number[]

  constructor(buckets: number) {
    this.#previousToByBucket = new Array<number>(buckets).fill(0)
    this.#unfoldedByBucket = Array.from({ length: buckets }, () => [])
    this.#foldedByBucket = new Array<number>(buckets).fill(0)
  }

  /** Chains a range to the bucket's last. */
  send(bucket: number, fromOffset: number, toOffset: number): ChainedRange {
    const previousToOffset = this.#previousToByBucket[bucket]!
    this.#previousToByBucket[bucket] = toOffset
    if (toOffset > this.#foldedByBucket[bucket]!) this.#unfoldedByBucket[bucket]!.push(toOffset)
    return { fromOffset, toOffset, previousToOffset }
  }

  /** Notes how far an owner says it has come. */
  noteFolded(bucket: number, toOffset: number): void {
    this.#foldedByBucket[bucket] = toOffset
    const unfolded = this.#unfoldedByBucket[bucket]!
    while (unfolded.length > 0 && unfolded[0]! <= toOffset) unfolded.shift()
  }

  /** Ranges sent to the bucket that its owner was not known to have folded. */
  ahead(bucket: number): number {
    return this.#unfoldedByBucket[bucket]!.length
  }

  /** End of the last range sent, by bucket. */
  state(): readonly number[] {
    return [...this.#previousToByBucket]
  }

  /** Throws RangeError on the state of another number of buckets. */
  restore(previousToByBucket: readonly number[]): void {
    if (previousToByBucket.length !== this.#previousToByBucket.length) {
      throw new RangeError(
        `chains of ${previousToByBucket.length} buckets, expected ${this.#previousToByBucket.length}`,
      )
    }
    this.#previousToByBucket = [...previousToByBucket]
    for (const unfolded of this.#unfoldedByBucket) unfolded.length = 0
    this.#foldedByBucket.fill(0)
  }
}
