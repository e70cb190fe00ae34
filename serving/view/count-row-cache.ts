// Count rows read lately, kept outside the table's WebAssembly memory: a page reads thousands, most of them again and
// again, and a call into the table costs several times a look-up here. Rows are forgotten when a delta changes them, and
// those who hold one learn it from the row.
import type { RowId } from '../../schemas/ids.ts'
import { type CountTable, countDimension, countTables } from '../../streams/features/count-columns.ts'
import type { CountReader, CountRow } from '../../streams/features/feature.ts'

class CachedRow implements CountRow {
  readonly values: Float32Array
  readonly eventTimeMs: number
  current = true

  constructor(values: Float32Array, eventTimeMs: number) {
    this.values = values
    this.eventTimeMs = eventTimeMs
  }
}

const zeros = new Float32Array(countDimension)

export class CountRowCache implements CountReader {
  private readonly reader: CountReader
  private readonly rowsMax: number
  private readonly out = new Float32Array(countDimension)
  private readonly rowsByTable: ReadonlyMap<CountTable, Map<bigint, CachedRow>> = new Map(
    countTables.map((table) => [table, new Map()]),
  )

  /** Keeps at most `rowsMax` rows of each table; when that is reached it starts anew. */
  constructor(reader: CountReader, rowsMax: number) {
    this.reader = reader
    this.rowsMax = rowsMax
  }

  row(table: CountTable, id: RowId): CountRow {
    const rows = this.rowsByTable.get(table)!
    let row = rows.get(id)
    if (row === undefined) {
      const eventTimeMs = this.reader.read(table, id, this.out)
      row = new CachedRow(eventTimeMs === 0 ? zeros : this.out.slice(), eventTimeMs)
      if (rows.size >= this.rowsMax) drop(rows)
      rows.set(id, row)
    }
    return row
  }

  read(table: CountTable, id: RowId, out: Float32Array): number {
    const { values, eventTimeMs } = this.row(table, id)
    out.set(values)
    return eventTimeMs
  }

  /** The table's rows of these ids changed. */
  forget(table: CountTable, ids: Iterable<bigint>): void {
    const rows = this.rowsByTable.get(table)!
    if (rows.size === 0) return
    for (const id of ids) {
      const row = rows.get(id)
      if (row === undefined) continue
      row.current = false
      rows.delete(id)
    }
  }

  clear(): void {
    for (const rows of this.rowsByTable.values()) drop(rows)
  }
}

function drop(rows: Map<bigint, CachedRow>): void {
  for (const row of rows.values()) row.current = false
  rows.clear()
}
