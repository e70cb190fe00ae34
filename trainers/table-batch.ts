// One table's part in a training batch: the distinct ids of both sides pulled once, pooled into the two inputs, and the
// inputs' gradients summed back per id and pushed once.
import type { FeatureRow } from '../schemas/layouts/feature-row.ts'
import type { InputLayout, SlotBlock } from './model/model-layout.ts'
import type { ParameterShard } from './parameter-server/parameter-shard.ts'
import { IdBatch } from './table/id-batch.ts'
import { newestEventTimes, poolMean, unpoolMean } from './table/pooling.ts'

export interface SidePair<T> {
  readonly query: T
  readonly entry: T
}

export class TableBatch {
  readonly #table: string
  readonly #dimension: number
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
    this.#table = table
    this.#dimension = query.dimension
    this.#blocks = { query: blocksOf(query), entry: blocksOf(entry) }
    this.#columns = { query: query.columns, entry: entry.columns }
    this.#slotWidths = Uint32Array.from([...this.#blocks.query, ...this.#blocks.entry], (block) => block.width)
    this.#idsPerRow = this.#slotWidths.reduce((sum, width) => sum + width, 0)
  }

  /** Writes the pooled slots of every row into both inputs. */
  read(shard: ParameterShard, rows: readonly SidePair<FeatureRow>[], inputs: SidePair<Float32Array>): void {
    this.#reserve(rows.length)
    for (let rowIndex = 0, position = 0; rowIndex < rows.length; rowIndex++) {
      position = copyIds(rows[rowIndex]!.query.ids, this.#blocks.query, this.#ids, position)
      position = copyIds(rows[rowIndex]!.entry.ids, this.#blocks.entry, this.#ids, position)
    }
    const batch = this.#batch
    batch.build(this.#ids, rows.length * this.#idsPerRow)
    shard.pull(this.#table, batch.uniqueIds, batch.uniqueCount, this.#values)
    poolMean(batch, this.#values, this.#dimension, this.#slotWidths, rows.length, this.#pooled)
    this.#exchange(rows.length, inputs, copyOut)
  }

  /** Pushes the gradients of the rows read last. Ids whose gradient is zero throughout are left alone. */
  push(shard: ParameterShard, rowCount: number, gradients: SidePair<Float32Array>, eventTimesMs: Float64Array): void {
    const batch = this.#batch
    this.#exchange(rowCount, gradients, copyIn)
    unpoolMean(batch, this.#pooled, this.#dimension, this.#slotWidths, rowCount, this.#values)
    newestEventTimes(batch, eventTimesMs, this.#idsPerRow, rowCount, this.#eventTimesMs)
    const ids = batch.uniqueIds.slice(0, batch.uniqueCount)
    const count = dropZeroRows(ids, this.#values, this.#eventTimesMs, this.#dimension)
    shard.push(this.#table, ids, count, this.#values, this.#eventTimesMs)
  }

  #exchange(rowCount: number, sides: SidePair<Float32Array>, copy: CopyBlock): void {
    const dimension = this.#dimension
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
    this.#values = new Float32Array(count * this.#dimension)
    this.#pooled = new Float32Array(rowCount * this.#slotWidths.length * this.#dimension)
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

/** Moves the rows with a gradient to the front, in their order; returns how many there are. */
function dropZeroRows(
  ids: BigUint64Array,
  values: Float32Array,
  eventTimesMs: Float64Array,
  dimension: number,
): number {
  let kept = 0
  for (let rowIndex = 0; rowIndex < ids.length; rowIndex++) {
    const from = rowIndex * dimension
    let column = 0
    while (column < dimension && values[from + column] === 0) column++
    if (column === dimension) continue
    if (kept !== rowIndex) {
      ids[kept] = ids[rowIndex]!
      eventTimesMs[kept] = eventTimesMs[rowIndex]!
      values.copyWithin(kept * dimension, from, from + dimension)
    }
    kept++
  }
  return kept
}
