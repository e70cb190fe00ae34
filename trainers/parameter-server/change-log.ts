// Which rows of a table changed since they were last sent, and how much: the order in which a bounded delta sends them.
// What it holds is a sum per id, however often it was compacted: equal changes give equal bytes and equal orders.
import { IdBatch } from '../table/id-batch.ts'
import { halvesOf, IdHalves } from '../table/id-halves.ts'

const capacityAtFirst = 1_024
/** More entries are compacted to one per id before room is made for more. */
const entriesBeforeCompaction = 65_536

/** One entry per row and push; `move` is the length of the gradient, infinite for a row that was new. */
export class ChangeLog {
  #ids = new BigUint64Array(capacityAtFirst)
  #halves = halvesOf(this.#ids)
  #moves = new Float32Array(capacityAtFirst)
  #count = 0
  readonly #batch = new IdBatch()
  readonly #pushed = new IdHalves()

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
    const pushed = { halves: this.#pushed.of(ids), count, gradients, dimension, existed, hasRow }
    this.#count = appendMoves(pushed, this.#halves, this.#moves, this.#count)
  }

  /** At most `limit` distinct ids, ascending: all where they fit, else the new and the farthest moved (of equally far ones
   *  those with the smaller ids); the rest stay here. O(n log n) in numbers, never in comparisons of pairs. */
  take(limit: number): BigUint64Array {
    this.#compact()
    const count = this.#count
    const ids = this.#ids.subarray(0, count)
    if (count <= limit) {
      this.#count = 0
      return ids.slice().sort()
    }
    const threshold = this.#moves.slice(0, count).sort()[count - limit]!
    const taken = new BigUint64Array(limit)
    const tied = new BigUint64Array(count)
    const [takenCount, tiedCount] = takeFarther(this.#ids, this.#moves, count, threshold, taken, tied)
    // Of those just at the threshold the smaller ids.
    const ties = tied.subarray(0, tiedCount).sort()
    const tiesTaken = limit - takenCount
    taken.set(ties.subarray(0, tiesTaken), takenCount)
    this.#count = keepNearer(this.#ids, this.#moves, count, threshold, ties[tiesTaken - 1]!)
    return taken.sort()
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
    addMoves(moves, index, uniqueCount, this.#moves)
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
    this.#halves = halvesOf(this.#ids)
    this.#moves = new Float32Array(capacity)
    this.#ids.set(ids)
    this.#moves.set(moves)
  }
}

/** Adds each position's move to that of its id. */
function addMoves(moves: Float32Array, index: Uint32Array, uniqueCount: number, out: Float32Array): void {
  for (let position = 0; position < moves.length; position++) {
    const unique = index[position]!
    if (unique < uniqueCount) out[unique] = out[unique]! + moves[position]!
  }
}

interface Pushed {
  readonly halves: Uint32Array
  readonly count: number
  readonly gradients: Float32Array
  readonly dimension: number
  readonly existed: Uint8Array
  readonly hasRow: Uint8Array | undefined
}

/** Returns the count of entries after. */
function appendMoves(
  { halves, count: pushedCount, gradients, dimension, existed, hasRow }: Pushed,
  toHalves: Uint32Array,
  moves: Float32Array,
  count: number,
): number {
  let at = count
  for (let index = 0; index < pushedCount; index++) {
    if (hasRow?.[index] === 0) continue
    toHalves[at * 2] = halves[index * 2]!
    toHalves[at * 2 + 1] = halves[index * 2 + 1]!
    moves[at++] = existed[index] === 1 ? lengthOf(gradients, index * dimension, dimension) : Number.POSITIVE_INFINITY
  }
  return at
}

/** Copies the ids above the threshold to `taken` and those at it to `tied`; returns how many of each. */
function takeFarther(
  ids: BigUint64Array,
  moves: Float32Array,
  count: number,
  threshold: number,
  taken: BigUint64Array,
  tied: BigUint64Array,
): readonly [number, number] {
  const [from, toTaken, toTied] = [halvesOf(ids), halvesOf(taken), halvesOf(tied)]
  let [takenAt, tiedAt] = [0, 0]
  for (let index = 0; index < count; index++) {
    const move = moves[index]!
    if (move < threshold) continue
    const to = move > threshold ? toTaken : toTied
    const at = move > threshold ? takenAt++ : tiedAt++
    to[at * 2] = from[index * 2]!
    to[at * 2 + 1] = from[index * 2 + 1]!
  }
  return [takenAt, tiedAt]
}

/** Moves the entries below the threshold, and those at it with ids above `lastTaken`, to the front; returns how many. */
function keepNearer(
  ids: BigUint64Array,
  moves: Float32Array,
  count: number,
  threshold: number,
  lastTaken: bigint,
): number {
  const halves = halvesOf(ids)
  let kept = 0
  for (let index = 0; index < count; index++) {
    const move = moves[index]!
    if (move > threshold || (move === threshold && ids[index]! <= lastTaken)) continue
    halves[kept * 2] = halves[index * 2]!
    halves[kept * 2 + 1] = halves[index * 2 + 1]!
    moves[kept++] = move
  }
  return kept
}

/** 0 for a gradient that is not finite: its row did not move. */
function lengthOf(gradients: Float32Array, start: number, dimension: number): number {
  let squares = 0
  for (let column = start; column < start + dimension; column++) squares += gradients[column]! * gradients[column]!
  return Number.isFinite(squares) ? Math.sqrt(squares) : 0
}
