// One table's part in a training batch, in three steps: the distinct ids of both sides are collected; their values, filled
// in by whoever has them, are pooled into the two inputs; the inputs' gradients are summed back, one row per id.
import type { FeatureRow } from '../schemas/layouts/feature-row.ts'
import type { InputLayout, SlotBlock } from './model/model-layout.ts'
import { IdBatch } from './table/id-batch.ts'
import { newestEventTimes, poolMean, unpoolMean } from './table/pooling.ts'

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
  readonly #blocks: SidePair<readonly SlotBlock[]>
  readonly #columns: SidePair<number>
  readonly #slotWidths: Uint32Array
  readonly #idsPerRow: number
  readonly #batch = new IdBatch()
  #ids = new BigUint64Array(0)
  #values = new Float32Array(0)
  #pooled = new Float32Array(0)
  #eventTimesMs = new Float64Array(0)

  constructor(table: string, query: InputLayout, entry: InputLayout) {
    const blocksOf = (layout: InputLayout) => layout.tables.find((own) => own.table === table)?.blocks ?? []
    this.table = table
    this.dimension = query.dimension
    this.#blocks = { query: blocksOf(query), entry: blocksOf(entry) }
    this.#columns = { query: query.columns, entry: entry.columns }
    this.#slotWidths = Uint32Array.from([...this.#blocks.query, ...this.#blocks.entry], (block) => block.width)
    this.#idsPerRow = this.#slotWidths.reduce((sum, width) => sum + width, 0)
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
    return this.#values
  }

  collect(rows: readonly SidePair<FeatureRow>[]): void {
    this.#reserve(rows.length)
    for (let rowIndex = 0, position = 0; rowIndex < rows.length; rowIndex++) {
      position = copyIds(rows[rowIndex]!.query.ids, this.#blocks.query, this.#ids, position)
      position = copyIds(rows[rowIndex]!.entry.ids, this.#blocks.entry, this.#ids, position)
    }
    this.#batch.build(this.#ids, rows.length * this.#idsPerRow)
  }

  /** Writes the pooled slots of every row into both inputs. */
  pool(rowCount: number, inputs: SidePair<Float32Array>): void {
    poolMean(this.#batch, this.#values, this.dimension, this.#slotWidths, rowCount, this.#pooled)
    this.#exchange(rowCount, inputs, copyOut)
  }

  /** The gradients of the rows pooled last; overwrites their values. */
  gradients(rowCount: number, sides: SidePair<Float32Array>, eventTimesMs: Float64Array): RowGradients {
    const batch = this.#batch
    this.#exchange(rowCount, sides, copyIn)
    unpoolMean(batch, this.#pooled, this.dimension, this.#slotWidths, rowCount, this.#values)
    newestEventTimes(batch, eventTimesMs, this.#idsPerRow, rowCount, this.#eventTimesMs)
    const rows = {
      table: this.table,
      dimension: this.dimension,
      ids: batch.uniqueIds.slice(0, batch.uniqueCount),
      values: this.#values,
      eventTimesMs: this.#eventTimesMs,
      occurrences: batch.occurrences.slice(0, batch.uniqueCount),
    }
    return { ...rows, ...keepMoving(rows) }
  }

  #exchange(rowCount: number, sides: SidePair<Float32Array>, copy: CopyBlock): void {
    const { dimension } = this
    const { query, entry } = this.#blocks
    for (let rowIndex = 0, offset = 0; rowIndex < rowCount; rowIndex++) {
      for (let index = 0; index < query.length; index++, offset += dimension) {
        copy(this.#pooled, offset, sides.query, rowIndex * this.#columns.query + query[index]!.column, dimension)
      }
      for (let index = 0; index < entry.length; index++, offset += dimension) {
        copy(this.#pooled, offset, sides.entry, rowIndex * this.#columns.entry + entry[index]!.column, dimension)
      }
    }
  }

  #reserve(rowCount: number): void {
    const count = rowCount * this.#idsPerRow
    if (count <= this.#ids.length) return
    this.#ids = new BigUint64Array(count)
    this.#values = new Float32Array(count * this.dimension)
    this.#pooled = new Float32Array(rowCount * this.#slotWidths.length * this.dimension)
    this.#eventTimesMs = new Float64Array(count)
  }
}

type CopyBlock = (pooled: Float32Array, offset: number, side: Float32Array, start: number, dimension: number) => void

function copyOut(pooled: Float32Array, offset: number, side: Float32Array, start: number, dimension: number): void {
  for (let column = 0; column < dimension; column++) side[start + column] = pooled[offset + column]!
}

function copyIn(pooled: Float32Array, offset: number, side: Float32Array, start: number, dimension: number): void {
  for (let column = 0; column < dimension; column++) pooled[offset + column] = side[start + column]!
}

function copyIds(from: BigUint64Array, blocks: readonly SlotBlock[], to: BigUint64Array, start: number): number {
  let position = start
  for (let blockIndex = 0; blockIndex < blocks.length; blockIndex++) {
    const block = blocks[blockIndex]!
    for (let index = block.start; index < block.start + block.width; index++) to[position++] = from[index]!
  }
  return position
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
