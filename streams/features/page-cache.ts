// What the features of one page share: row ids of the page, crosses with the user, and count rows, each computed once.
import { crossRowId, type RowId, rowId } from '../../schemas/ids.ts'
import { countDimension } from './count-columns.ts'
import type { CountTable, QueryContext } from './feature.ts'
import { userIds } from './own-ids.ts'
import { allRowId, globalMeans, type RateBlock, rateBlockLength, ratesOf } from './rates.ts'

/** A context stands for one page: counts are read once under it, so make a new context when they have moved. */
export class PageCache {
  readonly context: QueryContext
  readonly user: RowId
  readonly surface: RowId
  readonly region: RowId
  /** Where a video remembers its crosses with this page's surface and region. */
  readonly videoXsurfaceKey: string
  readonly hashtagXsurfaceKey: string
  readonly regionXvideoKey: string
  readonly means: Float32Array
  private readonly crossesBySlot = new Map<string, Map<RowId, RowId>>()
  private readonly ratesByRow = new Map<string, Map<RowId, RateBlock>>()
  /** Newest event time of the row that `read` gave; 0 where there was none. */
  readTimeMs = 0
  private readonly row = new Float32Array(countDimension)

  constructor(context: QueryContext) {
    this.context = context
    this.user = userIds(context.user)[0]!
    this.surface = rowId('surface', context.surface)
    this.region = rowId('region', context.region)
    this.videoXsurfaceKey = `videoXsurface ${context.surface}`
    this.hashtagXsurfaceKey = `hashtagXsurface ${context.surface}`
    this.regionXvideoKey = `regionXvideo ${context.region}`
    this.read('totals', allRowId)
    this.means = globalMeans(this.row)
  }

  /** Row of the user crossed with one id of a video. */
  userCross(slot: string, right: RowId): RowId {
    let crosses = this.crossesBySlot.get(slot)
    if (!crosses) {
      crosses = new Map()
      this.crossesBySlot.set(slot, crosses)
    }
    let id = crosses.get(right)
    if (id === undefined) {
      id = crossRowId(slot, this.user, right)
      crosses.set(right, id)
    }
    return id
  }

  /** Rates of a row that many candidates of a page share. */
  sharedRates(slot: string, id: RowId): RateBlock {
    let blocks = this.ratesByRow.get(slot)
    if (!blocks) {
      blocks = new Map()
      this.ratesByRow.set(slot, blocks)
    }
    let block = blocks.get(id)
    if (block === undefined) {
      block = this.rates(id, new Float32Array(rateBlockLength))
      blocks.set(id, block)
    }
    return block
  }

  /** Rates of a row of `totals`, written into `out`. */
  rates(id: RowId, out: RateBlock): RateBlock {
    this.read('totals', id)
    return ratesOf(this.row, this.means, out)
  }

  /** The row's values, valid until the next call, and its newest event time in `readTimeMs`. */
  read(table: CountTable, id: RowId): Float32Array {
    this.readTimeMs = this.context.counts.read(table, id, this.row)
    return this.row
  }
}

let newest: PageCache | null = null

/** The cache of a page. Pages are hydrated one after the other, so the newest is remembered. */
export function pageCache(context: QueryContext): PageCache {
  if (newest?.context !== context) newest = new PageCache(context)
  return newest
}
