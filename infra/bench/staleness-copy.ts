// A copy of a shard's parameters that stands still until it is renewed, then equals the shard again: only the rows that were
// touched since are copied.
import type { RowId } from '../../schemas/ids.ts'
import type { CountTable } from '../../streams/features/count-columns.ts'
import type { CountReader } from '../../streams/features/feature.ts'
import { type TableFactory, tablesOf } from '../../trainers/model/initial-parameters.ts'
import type { DenseParameter } from '../../trainers/model/model.ts'
import type { ParameterShard } from '../../trainers/parameter-server/parameter-shard.ts'
import type { Table } from '../../trainers/table/table.ts'

const rowsPerCopy = 8_192

/** Ids by table that were touched since the last call. The shard's tables have one touched set: one caller a shard. */
export function drainTouched(shard: ParameterShard): ReadonlyMap<string, BigUint64Array> {
  return new Map([...shard.tables].map(([name, table]) => [name, table.drainTouched()]))
}

export class FrozenCopy {
  readonly dense = new Map<string, DenseParameter>()
  readonly #live: ParameterShard
  readonly #tables: ReadonlyMap<string, Table>
  readonly #touchedByTable: ReadonlyMap<string, Set<bigint>>
  /** Count rows as of the copy. */
  readonly counts: CountReader

  /** Of a shard that nothing was pushed to yet. */
  constructor(live: ParameterShard, tableFactory: TableFactory) {
    this.#live = live
    this.#tables = tablesOf(live.spec, tableFactory)
    this.#touchedByTable = new Map([...this.#tables.keys()].map((name) => [name, new Set()]))
    this.#copyDense()
    const ids = new BigUint64Array(1)
    const timesMs = new Float64Array(1)
    this.counts = {
      read: (name: CountTable, id: RowId, out: Float32Array) => {
        const table = this.#tables.get(name)!
        ids[0] = id
        table.pull(ids, 1, out)
        table.eventTimes(ids, 1, timesMs)
        return timesMs[0]!
      },
    }
  }

  /** These differ from the shard's until the next renewal. */
  touched(idsByTable: ReadonlyMap<string, BigUint64Array>): void {
    for (const [name, ids] of idsByTable) {
      const known = this.#touchedByTable.get(name)!
      for (const id of ids) known.add(id)
    }
  }

  pull(table: string, ids: BigUint64Array, count: number, out: Float32Array): void {
    this.#tables.get(table)!.pull(ids, count, out)
  }

  /** Everything as the shard has it now, provided that `touched` was told of every change. */
  renew(): void {
    for (const [name, known] of this.#touchedByTable) {
      const ids = BigUint64Array.from(known)
      for (let from = 0; from < ids.length; from += rowsPerCopy) {
        copyRows(this.#live.tables.get(name)!, this.#tables.get(name)!, ids.subarray(from, from + rowsPerCopy))
      }
      known.clear()
    }
    this.#copyDense()
  }

  #copyDense(): void {
    for (const [name, own] of this.#live.dense) this.dense.set(name, { ...own, values: own.values.slice() })
  }
}

/** Rows that were let go meanwhile are left out: they read as they were until they are touched again. */
function copyRows(from: Table, to: Table, ids: BigUint64Array): void {
  const present = new Uint8Array(ids.length)
  from.contains(ids, ids.length, present)
  const own = ids.filter((_, index) => present[index] === 1)
  const values = new Float32Array(own.length * from.spec.dimension)
  const eventTimesMs = new Float64Array(own.length)
  from.pull(own, own.length, values)
  from.eventTimes(own, own.length, eventTimesMs)
  to.set(own, own.length, values, eventTimesMs)
}
