// What of an owner's table a follower keeps: values and event times. No optimizer's state, and nothing that would let rows
// come late or leave by themselves.

import type { TableSpec } from '../table/table.ts'
import { emptyTableDump, readTableDump } from '../table/table-dump.ts'
import { rowsMaxLimit } from '../table/table-spec.ts'
import { roundToHalf } from './half.ts'
import type { ModelTableSpec } from './model-spec.ts'

/** Whether the table's rows travel as fp16: weights do, counts do not. */
export function travelsHalf({ optimizer }: { readonly optimizer: { readonly kind: string } }): boolean {
  return optimizer.kind !== 'sum' && optimizer.kind !== 'decayed-sum'
}

/** The same rows and initial values, with room for those whose tombstones are still to come: a follower evicts none. */
export function servingSpec(table: ModelTableSpec): TableSpec {
  const { name, dimension, optimizer, initialScale, seed } = table
  const rowsMax = Math.min(2 * table.rowsMax, rowsMaxLimit)
  const kept = travelsHalf(table) ? { kind: 'sum' as const } : optimizer
  return { name, dimension, optimizer: kept, initialScale, seed, rowsMax }
}

/** An owner's dump as a dump of the follower's table. Throws RangeError on a dump that does not fit. */
export function servingDump(owner: ModelTableSpec, bytes: Uint8Array): Uint8Array {
  const { ids, eventTimesMs, rows, columns } = readTableDump(owner, bytes)
  const dump = emptyTableDump(servingSpec(owner), ids.length)
  dump.ids.set(ids)
  dump.eventTimesMs.set(eventTimesMs)
  for (let rowIndex = 0; rowIndex < ids.length; rowIndex++) {
    const start = rowIndex * columns
    dump.rows.set(rows.subarray(start, start + owner.dimension), rowIndex * owner.dimension)
  }
  if (travelsHalf(owner)) roundToHalf(dump.rows)
  return dump.bytes
}
