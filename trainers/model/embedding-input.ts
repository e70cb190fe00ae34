// Feature rows as one side's input matrix for prediction: ids pulled and mean-pooled slot by slot, dense values beside
// them. Pulls every occurrence, which is cheaper than finding the distinct ids when no gradient comes back.

import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { Parameters } from './model.ts'
import type { InputLayout, TableBlocks } from './model-layout.ts'

/** Dense values beyond this say nothing more and would swamp the first layer. */
export const denseMagnitudeMax = 16

export interface EmbeddingInput {
  readonly layout: InputLayout
  /** Writes rows.length x layout.columns into `out`; columns the caller fills are left alone. The rows are one user's. */
  read(rows: readonly FeatureRow[], out: Float32Array, userBucket: number): void
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
  #ids = new BigUint64Array(0)
  #counts = new Uint16Array(0)
  #values = new Float32Array(0)

  constructor(parameters: Parameters, blocks: TableBlocks, columns: number) {
    this.#parameters = parameters
    this.#blocks = blocks
    this.#columns = columns
  }

  read(rows: readonly FeatureRow[], out: Float32Array, userBucket: number): void {
    const { table, blocks, idsPerRow, dimension } = this.#blocks
    if (this.#ids.length < rows.length * idsPerRow) {
      this.#ids = new BigUint64Array(rows.length * idsPerRow)
      this.#counts = new Uint16Array(rows.length * blocks.length)
      this.#values = new Float32Array(rows.length * idsPerRow * dimension)
    }
    const found = gather(this.#blocks, rows, this.#ids, this.#counts)
    this.#parameters.rows(table, userBucket).pull(this.#ids, found, this.#values)
    pool(this.#blocks, rows.length, this.#counts, this.#values, this.#columns, out)
  }
}

/** Ids that are present, row by row and block by block; returns how many. */
function gather(table: TableBlocks, rows: readonly FeatureRow[], ids: BigUint64Array, counts: Uint16Array): number {
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

function pool(
  table: TableBlocks,
  rowCount: number,
  counts: Uint16Array,
  values: Float32Array,
  columns: number,
  out: Float32Array,
): void {
  const { blocks, dimension } = table
  let from = 0
  let place = 0
  for (let rowIndex = 0; rowIndex < rowCount; rowIndex++) {
    for (let blockIndex = 0; blockIndex < blocks.length; blockIndex++) {
      const to = rowIndex * columns + blocks[blockIndex]!.column
      const count = counts[place++]!
      if (count === 1) {
        for (let column = 0; column < dimension; column++) out[to + column] = values[from + column]!
        from += dimension
        continue
      }
      for (let column = 0; column < dimension; column++) out[to + column] = 0
      for (let index = 0; index < count; index++) {
        for (let column = 0; column < dimension; column++) out[to + column] = out[to + column]! + values[from + column]!
        from += dimension
      }
      if (count === 0) continue
      for (let column = 0; column < dimension; column++) out[to + column] = out[to + column]! / count
    }
  }
}
