// What the features of one page share: row ids of the page and the means that rates are shrunk to, computed once.
import { type RowId, rowId } from '../../schemas/ids.ts'
import { type CountTable, countDecay, countDimension } from './count-columns.ts'
import { readRow } from './counted-id.ts'
import type { CountRow, QueryContext } from './feature.ts'
import { userIds } from './own-ids.ts'
import { allRowId, globalMeans, type RateBlock, rateBlockLength, ratesOf } from './rates.ts'

let pages = 0

/** A context stands for one page: counts are read once under it, so make a new context when they have moved. */
export class PageCache {
  /** No other page of this thread has it. */
  readonly number = pages++
  readonly context: QueryContext
  readonly user: RowId
  readonly surface: RowId
  readonly region: RowId
  /** Where a video remembers its crosses with this page's surface and region. */
  readonly videoXsurfaceKey: string
  readonly hashtagXsurfaceKey: string
  readonly regionXvideoKey: string
  /** Pages that read the same row of everything have the same array. */
  readonly means: Float32Array

  constructor(context: QueryContext) {
    this.context = context
    this.user = userIds(context.user)[0]!
    this.surface = rowId('surface', context.surface)
    this.region = rowId('region', context.region)
    this.videoXsurfaceKey = `videoXsurface ${context.surface}`
    this.hashtagXsurfaceKey = `hashtagXsurface ${context.surface}`
    this.regionXvideoKey = `regionXvideo ${context.region}`
    this.means = meansOf(this.row('totals', allRowId))
  }

  row(table: CountTable, id: RowId): CountRow {
    return readRow(this.context.counts, table, id)
  }

  /** Rates of a row that no video has, as of the page. */
  rates(table: CountTable, id: RowId): RateBlock {
    const { values, eventTimeMs } = this.row(table, id)
    const decay = countDecay(table, this.context.nowMs - eventTimeMs)
    for (let column = 0; column < countDimension; column++) decayed[column] = values[column]! * decay
    return ratesOf(decayed, this.means, new Float32Array(rateBlockLength))
  }
}

const decayed = new Float32Array(countDimension)

const meansByRow = new WeakMap<CountRow, Float32Array>()

function meansOf(all: CountRow): Float32Array {
  let means = meansByRow.get(all)
  if (means === undefined) {
    means = globalMeans(all.values)
    meansByRow.set(all, means)
  }
  return means
}

let newest: PageCache | null = null

/** The cache of a page. Pages are hydrated one after the other, so the newest is remembered. */
export function pageCache(context: QueryContext): PageCache {
  if (newest?.context !== context) newest = new PageCache(context)
  return newest
}
