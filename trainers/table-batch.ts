// One table's part in a training batch, in three steps: the distinct ids of both sides are collected; their values, filled
// in by whoever has them, are pooled into the two inputs; the inputs' gradients are summed back, one row per id.
import type { FeatureRow } from '../schemas/layouts/feature-row.ts'
import type { InputLayout } from './model/model-layout.ts'
import { IdBatch } from './table/id-batch.ts'
import { gatherPresent, newestEventTimes, type PooledSlots, pooledSlots } from './table/present-ids.ts'
import { type ColumnRun, columnRuns, copyRuns, reversedRuns, SlotPooling } from './table/slot-pooling.ts'

export interface SidePair<T> {
  readonly query: T
  readonly entry: T
}

/** Gradient rows of one table, ids distinct: the first `count` of each array. Good until the next batch is collected. */
export interface RowGradients {
  readonly table: string
  readonly dimension: number
  readonly count: number
  readonly ids: BigUint64Array
  /** count x dimension, summed over the batch; no row is zero throughout or holds a number that is none. */
  readonly values: Float32Array
  /** Newest event time behind each row. */
  readonly eventTimesMs: Float64Array
  /** How often each id is in the batch. */
  readonly occurrences: Uint32Array
  /** Rows left out because a number in them is none. */
  readonly nonFinite: number
}

export class TableBatch {
  readonly table: string
  readonly dimension: number
  readonly #slots: SidePair<PooledSlots>
  readonly #columns: SidePair<number>
  readonly #runs: SidePair<readonly ColumnRun[]>
  readonly #runsBack: SidePair<readonly ColumnRun[]>
  readonly #slotsPerRow: number
  readonly #idsPerRow: number
  readonly #batch = new IdBatch()
  readonly #pooling: SlotPooling
  /** Of the ids present, row by row, the query side first. */
  #ids = new BigUint64Array(0)
  #halves = new Uint32Array(0)
  /** Where the ids of each row end. */
  #ends = new Uint32Array(0)
  #eventTimesMs = new Float64Array(0)

  constructor(table: string, query: InputLayout, entry: InputLayout) {
    this.table = table
    this.dimension = query.dimension
    this.#slots = { query: slotsOf(table, query), entry: slotsOf(table, entry) }
    this.#columns = { query: query.columns, entry: entry.columns }
    const widths = [...this.#slots.query.widths, ...this.#slots.entry.widths]
    this.#slotsPerRow = widths.length
    this.#idsPerRow = widths.reduce((sum, width) => sum + width, 0)
    this.#pooling = new SlotPooling(widths.length, this.dimension)
    const queryWidth = this.#slots.query.widths.length * this.dimension
    this.#runs = {
      query: columnRuns(this.#slots.query.columns, this.dimension, 0),
      entry: columnRuns(this.#slots.entry.columns, this.dimension, queryWidth),
    }
    this.#runsBack = { query: reversedRuns(this.#runs.query), entry: reversedRuns(this.#runs.entry) }
  }

  /** Distinct ids of the batch: the first `count`. */
  get ids(): BigUint64Array {
    return this.#batch.uniqueIds
  }

  get count(): number {
    return this.#batch.uniqueCount
  }

  /** count x dimension, to be filled between `collect` and `pool`. */
  get values(): Float32Array {
    return this.#pooling.rows
  }

  collect(rows: readonly SidePair<FeatureRow>[]): void {
    this.#reserve(rows.length)
    const { query, entry } = this.#slots
    const { counts } = this.#pooling
    const entryCell = query.starts.length
    let place = 0
    for (let rowIndex = 0; rowIndex < rows.length; rowIndex++) {
      const row = rows[rowIndex]!
      const cell = rowIndex * this.#slotsPerRow
      place = gatherPresent(query, row.query.idHalves, this.#halves, place, counts, cell)
      place = gatherPresent(entry, row.entry.idHalves, this.#halves, place, counts, cell + entryCell)
      this.#ends[rowIndex] = place
    }
    this.#batch.build(this.#ids, place)
    this.#pooling.index.set(this.#batch.index.subarray(0, place))
  }

  /** Writes the pooled slots of every row into both inputs. */
  pool(rowCount: number, inputs: SidePair<Float32Array>): void {
    this.#pooling.pool(rowCount)
    const { pooled } = this.#pooling
    const stride = this.#slotsPerRow * this.dimension
    for (const side of ['query', 'entry'] as const) {
      copyRuns(this.#runs[side], rowCount, pooled, stride, inputs[side], this.#columns[side])
    }
  }

  /** The gradients of the rows pooled last; overwrites their values. */
  gradients(rowCount: number, sides: SidePair<Float32Array>, eventTimesMs: Float64Array): RowGradients {
    const batch = this.#batch
    this.#unpool(rowCount, sides)
    newestEventTimes(batch, this.#ends, eventTimesMs, rowCount, this.#eventTimesMs)
    const rows = {
      table: this.table,
      dimension: this.dimension,
      ids: batch.uniqueIds.slice(0, batch.uniqueCount),
      values: this.#pooling.rows,
      eventTimesMs: this.#eventTimesMs,
      occurrences: batch.occurrences.slice(0, batch.uniqueCount),
    }
    return { ...rows, ...keepMoving(rows) }
  }

  #unpool(rowCount: number, sides: SidePair<Float32Array>): void {
    const { rows, pooled } = this.#pooling
    const stride = this.#slotsPerRow * this.dimension
    for (const side of ['query', 'entry'] as const) {
      copyRuns(this.#runsBack[side], rowCount, sides[side], this.#columns[side], pooled, stride)
    }
    rows.fill(0, 0, this.#batch.uniqueCount * this.dimension)
    this.#pooling.unpool(rowCount)
  }

  #reserve(rowCount: number): void {
    if (rowCount <= this.#ends.length) return
    // Growing is dear, and batches come in every size.
    const room = 2 ** Math.ceil(Math.log2(rowCount))
    const count = room * this.#idsPerRow
    this.#ids = new BigUint64Array(count)
    this.#halves = new Uint32Array(this.#ids.buffer)
    this.#pooling.reserve(room, count)
    this.#ends = new Uint32Array(room)
    this.#eventTimesMs = new Float64Array(count)
  }
}

function slotsOf(table: string, layout: InputLayout): PooledSlots {
  return pooledSlots(layout.tables.find((own) => own.table === table)?.blocks ?? [])
}

/** Moves the rows that change something to the front, in their order. */
function keepMoving(rows: Omit<RowGradients, 'count' | 'nonFinite'>): { count: number; nonFinite: number } {
  const { ids, values, eventTimesMs, occurrences, dimension } = rows
  const isClean = isFiniteBetween(values, 0, ids.length * dimension)
  let count = 0
  let nonFinite = 0
  for (let rowIndex = 0; rowIndex < ids.length; rowIndex++) {
    const from = rowIndex * dimension
    let column = 0
    while (column < dimension && values[from + column] === 0) column++
    if (column === dimension) continue
    if (!isClean && !isFiniteBetween(values, from, from + dimension)) {
      nonFinite++
      continue
    }
    if (count !== rowIndex) {
      ids[count] = ids[rowIndex]!
      eventTimesMs[count] = eventTimesMs[rowIndex]!
      occurrences[count] = occurrences[rowIndex]!
      values.copyWithin(count * dimension, from, from + dimension)
    }
    count++
  }
  return { count, nonFinite }
}

function isFiniteBetween(values: Float32Array, start: number, end: number): boolean {
  // Zero times a number that is none is none.
  let taint = 0
  for (let index = start; index < end; index++) taint += values[index]! * 0
  return taint === 0
}
