// The write sides together: which count rows one example or correction moves, and by how much. An example followed by its
// corrections moves every row of totals by exactly what its final labels alone would.
import type { Example, LabelCorrection } from '../../schemas/generated.ts'
import { absentRowId, type RowId } from '../../schemas/ids.ts'
import { heads } from '../../schemas/labels.ts'
import { decodeFeatureRow, type FeatureRow, RowMemory } from '../../schemas/layouts/feature-row.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { addOutcomeColumns, type CountTable, countDimension, countTables } from './count-columns.ts'
import type { CountSink } from './feature.ts'
import type { FeatureSet, SideLayout } from './feature-set.ts'

/** Add `values` to the row. Increments of one record share `values`: read only. */
export interface CountIncrement {
  readonly table: CountTable
  readonly id: RowId
  readonly values: Float32Array
}

/** Increments of one record, ids distinct per table: what `CountIncrements.of` says, to keep. */
export function countIncrements(example: Example | LabelCorrection, features: FeatureSet): CountIncrement[] {
  const own = new CountIncrements(features)
  return own.of(example) ? own.copies() : []
}

/** Ids of the rows of one table that a record moves: the first `count`, distinct. */
export interface MovedRows {
  readonly ids: BigUint64Array
  readonly count: number
}

/** Where a slot's ids are among those of its side. */
interface SlotIds {
  readonly side: 'query' | 'entry'
  readonly start: number
  readonly end: number
}

/** Reads one record after the other into the same memory: what it says of one is good until the next. */
export class CountIncrements {
  /** What to add to each of the rows. */
  readonly values = new Float32Array(countDimension)
  readonly #features: FeatureSet
  readonly #placeBySlot: ReadonlyMap<string, SlotIds>
  readonly #idsByTable = Object.fromEntries(countTables.map((table) => [table, new DistinctIds()])) as Readonly<
    Record<CountTable, DistinctIds>
  >
  readonly #memory = { query: new RowMemory(), entry: new RowMemory() }
  readonly #sink: CountSink
  #query: FeatureRow | null = null
  #entry: FeatureRow | null = null

  constructor(features: FeatureSet) {
    this.#features = features
    // A slot of both sides is that of the page.
    this.#placeBySlot = new Map([...slotIds('entry', features.entry), ...slotIds('query', features.query)])
    this.#sink = {
      add: (table, id) => {
        if (id !== absentRowId) this.#idsByTable[table].add(id)
      },
      addSlot: (table, slot) => this.#addSlot(table, slot),
    }
  }

  /**
   * False where nothing changes, and for features frozen under another layout than the set's: their ids cannot be told apart.
   * An outcome is one outcome, however little its view weighs; where the joiner keeps a share of the negatives, a kept one
   * counts for those it stands for, so rates stay what they were. Where a table decays, a correction moves the row at its own
   * time, so what had decayed meanwhile is not given back. Throws RangeError on features or labels of a wrong length.
   */
  of(example: Example | LabelCorrection): boolean {
    if (example.featureSet !== this.#features.fingerprint) return false
    readColumnChange(example, this.values)
    if (isZero(this.values)) return false
    this.#query = decodeFeatureRow(example.queryFeatures, this.#memory.query)
    this.#entry = decodeFeatureRow(example.features, this.#memory.entry)
    for (const table of countTables) this.#idsByTable[table].clear()
    const { features } = this.#features
    for (let index = 0; index < features.length; index++) features[index]!.write?.(example, this.#sink)
    return true
  }

  rows(table: CountTable): MovedRows {
    return this.#idsByTable[table]
  }

  copies(): CountIncrement[] {
    const values = this.values.slice()
    return countTables.flatMap((table) => {
      const { ids, count } = this.rows(table)
      return Array.from(ids.subarray(0, count), (id) => ({ table, id: id as RowId, values }))
    })
  }

  #addSlot(table: CountTable, slot: string): void {
    const place = this.#placeBySlot.get(slot)
    if (place === undefined) return
    const { idHalves } = (place.side === 'query' ? this.#query : this.#entry)!
    const ids = this.#idsByTable[table]
    for (let index = place.start; index < place.end; index++)
      ids.addHalves(idHalves[2 * index]!, idHalves[2 * index + 1]!)
  }
}

/** Ids in order of first appearance, kept as pairs of 32-bit halves, because a bigint would be allocated for each. */
class DistinctIds implements MovedRows {
  ids = new BigUint64Array(64)
  count = 0
  #halves = new Uint32Array(this.ids.buffer)

  clear(): void {
    this.count = 0
  }

  add(id: RowId): void {
    if (this.count === this.ids.length) this.#grow()
    this.ids[this.count] = id
    this.#keepLast()
  }

  /** Absent ids are left out. */
  addHalves(low: number, high: number): void {
    if ((low | high) === 0) return
    if (this.count === this.ids.length) this.#grow()
    this.#halves[2 * this.count] = low
    this.#halves[2 * this.count + 1] = high
    this.#keepLast()
  }

  /** What was written behind the last one counts, unless it is there. There are few enough of one record to look at each. */
  #keepLast(): void {
    const halves = this.#halves
    const last = 2 * this.count
    for (let at = 0; at < last; at += 2) {
      if (halves[at] === halves[last] && halves[at + 1] === halves[last + 1]) return
    }
    this.count++
  }

  #grow(): void {
    const ids = new BigUint64Array(2 * this.ids.length)
    ids.set(this.ids)
    this.ids = ids
    this.#halves = new Uint32Array(ids.buffer)
  }
}

function slotIds(side: SlotIds['side'], { slots }: SideLayout): [string, SlotIds][] {
  return slots.map(({ name, start, width }) => [name, { side, start, end: start + width }])
}

function readColumnChange(example: Example | LabelCorrection, change: Float32Array): void {
  change.fill(0)
  const outcomes = outcomesBehind(example.weight)
  if (example.type === 'Example') {
    addOutcomeColumns(labelsInOrder(example.labels, example.headNames), outcomes, change)
  } else {
    addOutcomeColumns(labelsInOrder(example.after, example.headNames), outcomes, change)
    addOutcomeColumns(labelsInOrder(example.before, example.headNames), -outcomes, change)
  }
}

function isZero(values: Float32Array): boolean {
  for (let index = 0; index < values.length; index++) if (values[index] !== 0) return false
  return true
}

/** A weight above 1 comes from sampling alone; one below, from a view that tells little of a taste and did happen. */
function outcomesBehind(weight: number): number {
  return weight > 1 ? weight : 1
}

/** Labels by `heads`; NaN where the record has no such head. */
function labelsInOrder(bytes: Uint8Array, headNames: readonly string[]): Float32Array {
  const labels = decodeFloats(bytes)
  if (isInOrder(headNames)) return labels
  return Float32Array.from(heads, (head) => labels[headNames.indexOf(head)] ?? Number.NaN)
}

function isInOrder(headNames: readonly string[]): boolean {
  for (let index = 0; index < heads.length; index++) if (headNames[index] !== heads[index]) return false
  return true
}
