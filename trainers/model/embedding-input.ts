// Feature rows as one side's input matrix for prediction: ids pulled and mean-pooled slot by slot, dense values beside
// them. Pulls every occurrence, which is cheaper than finding the distinct ids when no gradient comes back.

import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { gatherPresent, type PooledSlots, pooledSlots } from '../table/present-ids.ts'
import { type ColumnRun, columnRuns, copyRuns, SlotPooling } from '../table/slot-pooling.ts'
import type { Parameters } from './model.ts'
import type { InputLayout, TableBlocks } from './model-layout.ts'

/** Dense values beyond this say nothing more and would swamp the first layer. */
export const denseMagnitudeMax = 16

export interface EmbeddingInput {
  readonly layout: InputLayout
  /** Writes rows.length x layout.columns into `out`; columns the caller fills are left alone. The rows are one user's. */
  read(rows: readonly FeatureRow[], out: Float32Array, userBucket: number): void
  /** Its memory serves the next one. */
  dispose(): void
}

/** An unknown table is a programmer's error. */
export function embeddingInput(layout: InputLayout, parameters: Parameters): EmbeddingInput {
  const pools = layout.tables.map((blocks) => {
    // A table that is missing should be found here, not with the first page.
    parameters.rows(blocks.table, 0)
    return new TablePool(parameters, blocks, layout.columns)
  })
  return {
    layout,
    read(rows, out, userBucket) {
      assert(out.length >= rows.length * layout.columns, 'the input matrix has room for its rows')
      for (const pool of pools) pool.read(rows, out, userBucket)
      writeDense(layout, rows, out)
    },
    dispose() {
      for (const pool of pools.splice(0)) pool.release()
    },
  }
}

/** The dense columns of each row, clipped. */
export function writeDense(layout: InputLayout, rows: readonly FeatureRow[], out: Float32Array): void {
  const { denseSources, denseColumn, columns } = layout
  for (let rowIndex = 0; rowIndex < rows.length; rowIndex++) {
    const { dense } = rows[rowIndex]!
    const start = rowIndex * columns + denseColumn
    for (let column = 0; column < denseSources.length; column++) {
      const value = dense[denseSources[column]!]!
      out[start + column] = Math.min(denseMagnitudeMax, Math.max(-denseMagnitudeMax, value))
    }
  }
}

class TablePool {
  readonly #parameters: Parameters
  readonly #blocks: TableBlocks
  readonly #columns: number
  readonly #slots: PooledSlots
  readonly #pooling: SlotPooling
  readonly #runs: readonly ColumnRun[]
  #ids = new BigUint64Array(0)
  #halves = new Uint32Array(0)

  constructor(parameters: Parameters, blocks: TableBlocks, columns: number) {
    this.#parameters = parameters
    this.#blocks = blocks
    this.#columns = columns
    this.#pooling = new SlotPooling(blocks.blocks.length, blocks.dimension)
    this.#slots = pooledSlots(blocks.blocks)
    this.#runs = columnRuns(this.#slots.columns, blocks.dimension, 0)
  }

  read(rows: readonly FeatureRow[], out: Float32Array, userBucket: number): void {
    const { table, idsPerRow, blocks, dimension } = this.#blocks
    if (this.#ids.length < rows.length * idsPerRow) this.#reserve(2 ** Math.ceil(Math.log2(rows.length)))
    const found = this.#gather(rows)
    this.#parameters.rows(table, userBucket).pull(this.#ids, found, this.#pooling.rows)
    this.#pooling.pool(rows.length)
    copyRuns(this.#runs, rows.length, this.#pooling.pooled, blocks.length * dimension, out, this.#columns)
  }

  release(): void {
    this.#pooling.release()
  }

  /** Ids that are present, row by row and slot by slot; returns how many. */
  #gather(rows: readonly FeatureRow[]): number {
    const { counts } = this.#pooling
    const slotsPerRow = this.#slots.starts.length
    let found = 0
    for (let rowIndex = 0; rowIndex < rows.length; rowIndex++) {
      found = gatherPresent(this.#slots, rows[rowIndex]!.idHalves, this.#halves, found, counts, rowIndex * slotsPerRow)
    }
    return found
  }

  /** Every occurrence is pulled, so the row of the n-th id is the n-th. */
  #reserve(rowCount: number): void {
    const idCount = rowCount * this.#blocks.idsPerRow
    this.#ids = new BigUint64Array(idCount)
    this.#halves = new Uint32Array(this.#ids.buffer)
    this.#pooling.reserve(rowCount, idCount)
    for (let place = 0; place < idCount; place++) this.#pooling.index[place] = place
  }
}
