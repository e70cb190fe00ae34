// Feature rows as one side's input matrix for prediction: ids pulled and mean-pooled slot by slot, dense values beside
// them. Pulls every occurrence, which is cheaper than finding the distinct ids when no gradient comes back.

import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { type ColumnRun, columnRuns, SlotPooling } from '../table/slot-pooling.ts'
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
  readonly #pooling: SlotPooling
  readonly #runs: readonly ColumnRun[]
  #ids = new BigUint64Array(0)

  constructor(parameters: Parameters, blocks: TableBlocks, columns: number) {
    this.#parameters = parameters
    this.#blocks = blocks
    this.#columns = columns
    this.#pooling = new SlotPooling(blocks.blocks.length, blocks.dimension)
    this.#runs = columnRuns(
      blocks.blocks.map(({ column }) => column),
      blocks.dimension,
      0,
    )
  }

  read(rows: readonly FeatureRow[], out: Float32Array, userBucket: number): void {
    const { table, idsPerRow } = this.#blocks
    if (this.#ids.length < rows.length * idsPerRow) this.#reserve(2 ** Math.ceil(Math.log2(rows.length)))
    const found = gather(this.#blocks, rows, this.#ids, this.#pooling.counts)
    this.#parameters.rows(table, userBucket).pull(this.#ids, found, this.#pooling.rows)
    this.#pooling.pool(rows.length)
    this.#copyTo(out, rows.length)
  }

  release(): void {
    this.#pooling.release()
  }

  #copyTo(out: Float32Array, rowCount: number): void {
    const { blocks, dimension } = this.#blocks
    const { pooled } = this.#pooling
    for (const { own, column, width } of this.#runs) {
      for (let rowIndex = 0; rowIndex < rowCount; rowIndex++) {
        const from = rowIndex * blocks.length * dimension + own
        out.set(pooled.subarray(from, from + width), rowIndex * this.#columns + column)
      }
    }
  }

  /** Every occurrence is pulled, so the row of the n-th id is the n-th. */
  #reserve(rowCount: number): void {
    const idCount = rowCount * this.#blocks.idsPerRow
    this.#ids = new BigUint64Array(idCount)
    this.#pooling.reserve(rowCount, idCount)
    for (let place = 0; place < idCount; place++) this.#pooling.index[place] = place
  }
}

/** Ids that are present, row by row and block by block; returns how many. */
function gather(table: TableBlocks, rows: readonly FeatureRow[], ids: BigUint64Array, counts: Uint32Array): number {
  const { blocks } = table
  let found = 0
  let place = 0
  for (let rowIndex = 0; rowIndex < rows.length; rowIndex++) {
    const rowIds = rows[rowIndex]!.ids
    for (let blockIndex = 0; blockIndex < blocks.length; blockIndex++) {
      const { start, width } = blocks[blockIndex]!
      const before = found
      for (let index = start; index < start + width; index++) {
        const id = rowIds[index]!
        if (id !== 0n) ids[found++] = id
      }
      counts[place++] = found - before
    }
  }
  return found
}
