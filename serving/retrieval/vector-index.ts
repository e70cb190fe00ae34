// The vector index port: vectors of unit length by number, changed in place, searched by dot product.

export interface VectorMatch {
  readonly key: number
  /** Dot product with the query: the cosine, for unit vectors; with what `bonus` adds to it. */
  readonly similarity: number
}

export interface VectorIndex {
  readonly dimension: number
  /** Vectors held. */
  readonly size: number
  /** Adds or replaces the vector of a key (a whole number from 0). The vector is copied. */
  upsert(key: number, vector: Float32Array): void
  /** Removing what is not there is no error. */
  remove(key: number): void
  /** The vector of a key: a view that the next change may overwrite; null where there is none. */
  vectorOf(key: number): Float32Array | null
  /** The `count` nearest, best first, equal ones by ascending key; `exclude` is asked only for keys that would enter.
   *  `bonus` is added to the dot product of its key, and asked for every key that is compared. */
  search(
    query: Float32Array,
    count: number,
    exclude?: (key: number) => boolean,
    bonus?: (key: number) => number,
  ): VectorMatch[]
  clear(): void
}
