// Count rows read lately, kept outside the table's WebAssembly memory: a page reads thousands, most of them again and
// again, and a call into the table costs several times a look-up here. Rows are forgotten when a delta changes them.
import type { RowId } from '../../schemas/ids.ts'
import { countDimension } from '../../streams/features/count-columns.ts'
import type { CountReader, CountTable } from '../../streams/features/feature.ts'

interface CachedRow {
  readonly values: Float32Array
  readonly eventTimeMs: number
}

const absent: CachedRow = { values: new Float32Array(countDimension), eventTimeMs: 0 }

export class CountRowCache implements CountReader {
  private readonly reader: CountReader
  private readonly rowsMax: number
  private readonly rowsByTable: Readonly<Record<CountTable, Map<bigint, CachedRow>>> = {
    totals: new Map(),
    trends: new Map(),
  }

  /** Keeps at most `rowsMax` rows of each table; when that is reached it starts anew. */
  constructor(reader: CountReader, rowsMax: number) {
    this.reader = reader
    this.rowsMax = rowsMax
  }

  read(table: CountTable, id: RowId, out: Float32Array): number {
    const rows = this.rowsByTable[table]
    let row = rows.get(id)
    if (row === undefined) {
      const eventTimeMs = this.reader.read(table, id, out)
      row = eventTimeMs === 0 ? absent : { values: out.slice(), eventTimeMs }
      if (rows.size >= this.rowsMax) rows.clear()
      rows.set(id, row)
      return eventTimeMs
    }
    out.set(row.values)
    return row.eventTimeMs
  }

  /** The table's rows of these ids changed. */
  forget(table: CountTable, ids: Iterable<bigint>): void {
    const rows = this.rowsByTable[table]
    if (rows.size === 0) return
    for (const id of ids) rows.delete(id)
  }

  clear(): void {
    this.rowsByTable.totals.clear()
    this.rowsByTable.trends.clear()
  }
}
