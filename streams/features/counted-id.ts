// An id that many pages count by, with the row it was found to have and what the newest page made of it. Everything kept
// here can be computed again from the page; nothing of a page is told to another one.
import { crossRowId, type RowId } from '../../schemas/ids.ts'
import { type CountTable, countDimension } from './count-columns.ts'
import type { CountReader, CountRow } from './feature.ts'
import type { PageCache } from './page-cache.ts'
import { type RateBlock, rateBlockLength, ratesOf } from './rates.ts'

/** What a row is held by: the row, and the page or reader that it holds for. */
class HeldRow {
  private readonly table: CountTable
  private readonly id: RowId
  private reader: CountReader | null = null
  private row: CountRow | null = null
  private pageNumber = -1

  constructor(table: CountTable, id: RowId) {
    this.table = table
    this.id = id
  }

  of(page: PageCache): CountRow {
    const { counts } = page.context
    const { row } = this
    if (row !== null && this.reader === counts && (row.current || this.pageNumber === page.number)) return row
    const read = readRow(counts, this.table, this.id)
    this.row = read
    this.reader = counts
    this.pageNumber = page.number
    return read
  }
}

/** The row as the reader keeps it, else a copy that is good for the page. */
export function readRow(counts: CountReader, table: CountTable, id: RowId): CountRow {
  if (counts.row) return counts.row(table, id)
  const values = new Float32Array(countDimension)
  const eventTimeMs = counts.read(table, id, values)
  return { values, eventTimeMs, current: false }
}

export class CountedId {
  readonly id: RowId
  private readonly total: HeldRow
  private readonly trend: HeldRow
  private block: RateBlock | null = null
  private blockRow: CountRow | null = null
  private blockMeans: Float32Array | null = null
  private crossPage = -1
  private crossId: RowId | null = null
  private crossRow: CountRow | null = null
  private crossRowPage = -1
  private crossBlockPage = -1
  private crossBlock: RateBlock | null = null

  constructor(id: RowId) {
    this.id = id
    this.total = new HeldRow('totals', id)
    this.trend = new HeldRow('trends', id)
  }

  /** Rates of its row of `totals`, as of the page. Read only. */
  rates(page: PageCache): RateBlock {
    const row = this.total.of(page)
    if (this.block !== null && row === this.blockRow && page.means === this.blockMeans) return this.block
    this.block = ratesOf(row.values, page.means, this.block ?? new Float32Array(rateBlockLength))
    this.blockRow = row
    this.blockMeans = page.means
    return this.block
  }

  /** Its row of `totals`, as of the page. */
  totalRow(page: PageCache): CountRow {
    return this.total.of(page)
  }

  /** Its row of `trends`, as of the page. */
  trendRow(page: PageCache): CountRow {
    return this.trend.of(page)
  }

  /** The page's user crossed with it. An id is crossed under one slot only. */
  userCross(page: PageCache, slot: string): RowId {
    if (this.crossId === null || this.crossPage !== page.number) {
      this.crossId = crossRowId(slot, page.user, this.id)
      this.crossPage = page.number
    }
    return this.crossId
  }

  /** Rates of the row of that cross. Read only. */
  userRates(page: PageCache, slot: string): RateBlock {
    if (this.crossBlock === null || this.crossBlockPage !== page.number) {
      const { values } = this.userRow(page, slot)
      this.crossBlock = ratesOf(values, page.means, this.crossBlock ?? new Float32Array(rateBlockLength))
      this.crossBlockPage = page.number
    }
    return this.crossBlock
  }

  /** The row of `totals` of that cross. Read only. */
  userRow(page: PageCache, slot: string): CountRow {
    if (this.crossRow === null || this.crossRowPage !== page.number) {
      this.crossRow = readRow(page.context.counts, 'totals', this.userCross(page, slot))
      this.crossRowPage = page.number
    }
    return this.crossRow
  }
}
