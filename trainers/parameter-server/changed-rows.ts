// Rows of a delta as they stand in the table, read into memory that is used again.
import type { DeltaRows } from '../../schemas/layouts/delta-rows.ts'
import type { RowReader } from '../model/model.ts'

export class ChangedRows {
  #values = new Float32Array(0)
  #eventTimesMs = new Float64Array(0)

  /** The rows of these ids, `dimension` values each. Good until the next call. */
  of(table: RowReader, ids: BigUint64Array, dimension: number): DeltaRows {
    const count = ids.length
    if (count > this.#eventTimesMs.length) this.#eventTimesMs = new Float64Array(2 * count)
    if (count * dimension > this.#values.length) this.#values = new Float32Array(2 * count * dimension)
    const values = this.#values.subarray(0, count * dimension)
    const eventTimesMs = this.#eventTimesMs.subarray(0, count)
    table.pull(ids, count, values)
    table.eventTimes(ids, count, eventTimesMs)
    return { ids, eventTimesMs, values }
  }
}
