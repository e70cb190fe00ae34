// Which rows of a table changed since they were last sent, and how much: the order in which a bounded delta sends them.
// What it holds is a sum per id, however often it was compacted: equal changes give equal bytes and equal orders.
import { IdBatch } from '../table/id-batch.ts'

const capacityAtFirst = 1_024
/** More entries are compacted to one per id before room is made for more. */
const entriesBeforeCompaction = 65_536

/** One entry per row and push; `move` is the length of the gradient, infinite for a row that was new. */
export class ChangeLog {
  #ids = new BigUint64Array(capacityAtFirst)
  #moves = new Float32Array(capacityAtFirst)
  #count = 0
  readonly #batch = new IdBatch()

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** `existed`: 1 where the id had a row before the push. Rows that `hasRow`, where it is given, marks with 0 are left out. */
  append(
    ids: BigUint64Array,
    count: number,
    gradients: Float32Array,
    dimension: number,
    existed: Uint8Array,
    hasRow?: Uint8Array,
  ): void {
    this.#reserve(count)
    this.#count = appendMoves(
      { halves: new Uint32Array(ids.buffer, ids.byteOffset, count * 2), gradients, dimension, existed, hasRow },
      new Uint32Array(this.#ids.buffer),
      this.#moves,
      this.#count,
    )
  }

  /** At most `limit` distinct ids: ascending when all fit, else the new and the farthest moved, the rest stay here. */
  take(limit: number): BigUint64Array {
    this.#compact()
    const ids = this.#ids.slice(0, this.#count)
    if (ids.length <= limit) {
      this.#count = 0
      return ids.sort()
    }
    const moves = this.#moves.slice(0, this.#count)
    const order = Array.from(ids.keys()).sort((left, right) => {
      const [near, far] = [moves[left]!, moves[right]!]
      if (near !== far) return far > near ? 1 : -1
      return ids[left]! < ids[right]! ? -1 : 1
    })
    this.#count = 0
    for (const unique of order.slice(limit)) {
      this.#ids[this.#count] = ids[unique]!
      this.#moves[this.#count++] = moves[unique]!
    }
    return BigUint64Array.from(order.slice(0, limit), (unique) => ids[unique]!)
  }

  /** Distinct ids in the order in which they came, then their moves. */
  dump(): Uint8Array {
    this.#compact()
    const out = new Uint8Array(this.#count * 12)
    out.set(new Uint8Array(this.#ids.buffer, 0, this.#count * 8))
    out.set(new Uint8Array(this.#moves.buffer, 0, this.#count * 4), this.#count * 8)
    return out
  }

  load(bytes: Uint8Array): void {
    const whole = new Uint8Array(bytes)
    const count = whole.byteLength / 12
    if (!Number.isInteger(count)) throw new RangeError(`a change log of ${whole.byteLength} bytes`)
    this.#count = 0
    this.#reserve(count)
    this.#ids.set(new BigUint64Array(whole.buffer, 0, count))
    this.#moves.set(new Float32Array(whole.buffer, count * 8, count))
    this.#count = count
  }

  /** One entry per id, at its first place. */
  #compact(): void {
    const batch = this.#batch
    batch.build(this.#ids, this.#count)
    const { uniqueCount, index, uniqueIds } = batch
    const moves = this.#moves.slice(0, this.#count)
    this.#moves.fill(0, 0, uniqueCount)
    for (const [position, move] of moves.entries()) {
      const unique = index[position]!
      if (unique < uniqueCount) this.#moves[unique] = this.#moves[unique]! + move
    }
    this.#ids.set(uniqueIds.subarray(0, uniqueCount))
    this.#count = uniqueCount
  }

  /** Room for so many more. At least half of the arrays is free after a compaction, so one comes rarely. */
  #reserve(more: number): void {
    if (this.#count + more <= this.#ids.length) return
    if (this.#count >= entriesBeforeCompaction) this.#compact()
    if (2 * (this.#count + more) <= this.#ids.length) return
    const capacity = 2 ** Math.ceil(Math.log2(2 * (this.#count + more)))
    const [ids, moves] = [this.#ids, this.#moves]
    this.#ids = new BigUint64Array(capacity)
    this.#moves = new Float32Array(capacity)
    this.#ids.set(ids)
    this.#moves.set(moves)
  }
}

interface Pushed {
  /** Ids as pairs of 32-bit halves, because a bigint would be allocated for each. */
  readonly halves: Uint32Array
  readonly gradients: Float32Array
  readonly dimension: number
  readonly existed: Uint8Array
  readonly hasRow: Uint8Array | undefined
}

/** Returns the count of entries after. */
function appendMoves(
  { halves, gradients, dimension, existed, hasRow }: Pushed,
  toHalves: Uint32Array,
  moves: Float32Array,
  count: number,
): number {
  let at = count
  for (let index = 0; index < halves.length / 2; index++) {
    if (hasRow?.[index] === 0) continue
    toHalves[at * 2] = halves[index * 2]!
    toHalves[at * 2 + 1] = halves[index * 2 + 1]!
    moves[at++] = existed[index] === 1 ? lengthOf(gradients, index * dimension, dimension) : Number.POSITIVE_INFINITY
  }
  return at
}

/** 0 for a gradient that is not finite: its row did not move. */
function lengthOf(gradients: Float32Array, start: number, dimension: number): number {
  let squares = 0
  for (let column = start; column < start + dimension; column++) squares += gradients[column]! * gradients[column]!
  return Number.isFinite(squares) ? Math.sqrt(squares) : 0
}
