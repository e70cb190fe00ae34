// A vector index that compares the query with every vector: the reference, and fast enough to about 100,000 videos.
import { assert } from '../../streams/runtime/errors.ts'
import type { VectorIndex, VectorMatch } from './vector-index.ts'

export interface ExactIndexOptions {
  readonly dimension: number
  /** Vectors beyond this are refused by an assertion: the catalog in front of the index is bounded. */
  readonly vectorsMax: number
}

const firstCapacity = 1_024

export function exactIndex(options: ExactIndexOptions): VectorIndex {
  return new ExactIndex(options)
}

class ExactIndex implements VectorIndex {
  readonly dimension: number
  private readonly vectorsMax: number
  private vectors: Float32Array
  private keyByRow: Int32Array
  private readonly rowByKey = new Map<number, number>()
  /** Of the search under way, by row. */
  private similarities = new Float32Array(0)

  constructor(options: ExactIndexOptions) {
    this.dimension = options.dimension
    this.vectorsMax = options.vectorsMax
    this.vectors = new Float32Array(firstCapacity * options.dimension)
    this.keyByRow = new Int32Array(firstCapacity)
  }

  get size(): number {
    return this.rowByKey.size
  }

  upsert(key: number, vector: Float32Array): void {
    assert(vector.length === this.dimension, `a vector of ${this.dimension} numbers, not ${vector.length}`)
    let row = this.rowByKey.get(key)
    if (row === undefined) {
      row = this.rowByKey.size
      assert(row < this.vectorsMax, `at most ${this.vectorsMax} vectors`)
      if (row === this.keyByRow.length) this.grow()
      this.rowByKey.set(key, row)
      this.keyByRow[row] = key
    }
    this.vectors.set(vector, row * this.dimension)
  }

  remove(key: number): void {
    const row = this.rowByKey.get(key)
    if (row === undefined) return
    const lastRow = this.rowByKey.size - 1
    const lastKey = this.keyByRow[lastRow]!
    this.vectors.copyWithin(row * this.dimension, lastRow * this.dimension, (lastRow + 1) * this.dimension)
    this.keyByRow[row] = lastKey
    this.rowByKey.set(lastKey, row)
    this.rowByKey.delete(key)
  }

  vectorOf(key: number): Float32Array | null {
    const row = this.rowByKey.get(key)
    if (row === undefined) return null
    return this.vectors.subarray(row * this.dimension, (row + 1) * this.dimension)
  }

  search(
    query: Float32Array,
    count: number,
    exclude?: (key: number) => boolean,
    bonus?: (key: number) => number,
  ): VectorMatch[] {
    assert(query.length === this.dimension, `a query of ${this.dimension} numbers, not ${query.length}`)
    const rows = this.rowByKey.size
    const heap = new WorstFirstHeap(Math.min(count, rows))
    if (heap.capacity === 0) return []
    if (this.similarities.length < rows) this.similarities = new Float32Array(this.keyByRow.length)
    dots(this.vectors, query, this.dimension, rows, this.similarities)
    for (let row = 0; row < rows; row++) {
      const key = this.keyByRow[row]!
      const similarity = bonus === undefined ? this.similarities[row]! : this.similarities[row]! + bonus(key)
      if (heap.admits(similarity, key) && !exclude?.(key)) heap.push(similarity, key)
    }
    return heap.bestFirst()
  }

  clear(): void {
    this.rowByKey.clear()
  }

  private grow(): void {
    const vectors = new Float32Array(this.vectors.length * 2)
    vectors.set(this.vectors)
    this.vectors = vectors
    const keyByRow = new Int32Array(this.keyByRow.length * 2)
    keyByRow.set(this.keyByRow)
    this.keyByRow = keyByRow
  }
}

/** Dot product of every row with the query. Four sums side by side: the additions of one would wait for each other. */
function dots(vectors: Float32Array, query: Float32Array, dimension: number, rows: number, out: Float32Array): void {
  const whole = dimension - (dimension % 4)
  for (let row = 0, start = 0; row < rows; row++, start += dimension) {
    let sum0 = 0
    let sum1 = 0
    let sum2 = 0
    let sum3 = 0
    for (let index = 0; index < whole; index += 4) {
      sum0 += vectors[start + index]! * query[index]!
      sum1 += vectors[start + index + 1]! * query[index + 1]!
      sum2 += vectors[start + index + 2]! * query[index + 2]!
      sum3 += vectors[start + index + 3]! * query[index + 3]!
    }
    for (let index = whole; index < dimension; index++) sum0 += vectors[start + index]! * query[index]!
    out[row] = sum0 + sum1 + sum2 + sum3
  }
}

/** Keeps the best `capacity` pairs; the root is the worst of them. */
class WorstFirstHeap {
  readonly capacity: number
  private readonly similarities: Float64Array
  private readonly keys: Int32Array
  private size = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.similarities = new Float64Array(capacity)
    this.keys = new Int32Array(capacity)
  }

  admits(similarity: number, key: number): boolean {
    return this.size < this.capacity || isWorse(this.similarities[0]!, this.keys[0]!, similarity, key)
  }

  push(similarity: number, key: number): void {
    if (this.size < this.capacity) {
      let child = this.size++
      while (child > 0) {
        const parent = (child - 1) >> 1
        if (!isWorse(similarity, key, this.similarities[parent]!, this.keys[parent]!)) break
        this.place(child, this.similarities[parent]!, this.keys[parent]!)
        child = parent
      }
      this.place(child, similarity, key)
      return
    }
    let hole = 0
    for (;;) {
      let child = hole * 2 + 1
      if (child >= this.size) break
      const right = child + 1
      if (
        right < this.size &&
        isWorse(this.similarities[right]!, this.keys[right]!, this.similarities[child]!, this.keys[child]!)
      )
        child = right
      if (!isWorse(this.similarities[child]!, this.keys[child]!, similarity, key)) break
      this.place(hole, this.similarities[child]!, this.keys[child]!)
      hole = child
    }
    this.place(hole, similarity, key)
  }

  bestFirst(): VectorMatch[] {
    const matches: VectorMatch[] = []
    for (let index = 0; index < this.size; index++) {
      matches.push({ key: this.keys[index]!, similarity: this.similarities[index]! })
    }
    return matches.sort((left, right) => right.similarity - left.similarity || left.key - right.key)
  }

  private place(index: number, similarity: number, key: number): void {
    this.similarities[index] = similarity
    this.keys[index] = key
  }
}

function isWorse(similarity: number, key: number, thanSimilarity: number, thanKey: number): boolean {
  return similarity < thanSimilarity || (similarity === thanSimilarity && key > thanKey)
}
