// Which rows of a table changed since they were last sent, and how much: the order in which a bounded delta sends them.
import { IdBatch } from '../table/id-batch.ts'

/** One entry per row and push; `move` is the length of the gradient, infinite for a row that was new. */
export class ChangeLog {
  #ids = new BigUint64Array(1_024)
  #moves = new Float32Array(1_024)
  #count = 0
  readonly #batch = new IdBatch()

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** `existed`: 1 where the id had a row before the push. */
  append(ids: BigUint64Array, count: number, gradients: Float32Array, dimension: number, existed: Uint8Array): void {
    this.#reserve(this.#count + count)
    this.#ids.set(ids.subarray(0, count), this.#count)
    writeMoves(gradients, dimension, existed, count, this.#moves, this.#count)
    this.#count += count
  }

  /** At most `limit` distinct ids: ascending when all fit, else the new and the farthest moved, the rest stay here. */
  take(limit: number): BigUint64Array {
    const batch = this.#batch
    batch.build(this.#ids, this.#count)
    const { uniqueCount } = batch
    const moves = new Float32Array(uniqueCount)
    for (let position = 0; position < this.#count; position++) {
      const unique = batch.index[position]!
      if (unique < uniqueCount) moves[unique] = moves[unique]! + this.#moves[position]!
    }
    const ids = batch.uniqueIds.slice(0, uniqueCount)
    this.#count = 0
    if (uniqueCount <= limit) return ids.sort()
    const order = Array.from(ids.keys()).sort((left, right) => {
      const [near, far] = [moves[left]!, moves[right]!]
      if (near !== far) return far > near ? 1 : -1
      return ids[left]! < ids[right]! ? -1 : 1
    })
    for (const unique of order.slice(limit)) {
      this.#ids[this.#count] = ids[unique]!
      this.#moves[this.#count++] = moves[unique]!
    }
    return BigUint64Array.from(order.slice(0, limit), (unique) => ids[unique]!)
  }

  dump(): Uint8Array {
    const out = new Uint8Array(this.#count * 12)
    out.set(new Uint8Array(this.#ids.buffer, 0, this.#count * 8))
    out.set(new Uint8Array(this.#moves.buffer, 0, this.#count * 4), this.#count * 8)
    return out
  }

  load(bytes: Uint8Array): void {
    const whole = bytes.slice()
    const count = whole.byteLength / 12
    if (!Number.isInteger(count)) throw new RangeError(`a change log of ${whole.byteLength} bytes`)
    this.#count = 0
    this.#reserve(count)
    this.#ids.set(new BigUint64Array(whole.buffer, 0, count))
    this.#moves.set(new Float32Array(whole.buffer, count * 8, count))
    this.#count = count
  }

  #reserve(count: number): void {
    if (count <= this.#ids.length) return
    const capacity = 2 ** Math.ceil(Math.log2(count))
    const [ids, moves] = [this.#ids, this.#moves]
    this.#ids = new BigUint64Array(capacity)
    this.#moves = new Float32Array(capacity)
    this.#ids.set(ids)
    this.#moves.set(moves)
  }
}

function writeMoves(
  gradients: Float32Array,
  dimension: number,
  existed: Uint8Array,
  count: number,
  out: Float32Array,
  start: number,
): void {
  for (let rowIndex = 0; rowIndex < count; rowIndex++) {
    let squares = 0
    for (let column = rowIndex * dimension; column < (rowIndex + 1) * dimension; column++) {
      squares += gradients[column]! * gradients[column]!
    }
    out[start + rowIndex] = existed[rowIndex] === 1 ? Math.sqrt(squares) : Number.POSITIVE_INFINITY
  }
}
