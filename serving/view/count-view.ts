// Running counts as the view reads them: rows of the counts replica, and the trending lists and exposures that its deltas
// move.
import type { Delta } from '../../schemas/generated.ts'
import { decodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import {
  type CountTable,
  countColumnIndex,
  countDimension,
  countTables,
  trendHalfLifeMs,
} from '../../streams/features/count-columns.ts'
import type { CountReader } from '../../streams/features/feature.ts'
import { trendRowId, videoIds } from '../../streams/features/own-ids.ts'
import type { Parameters } from '../../trainers/model/model.ts'
import { type ExposurePrior, exposurePrior } from '../retrieval/exposure-prior.ts'
import { everywhere, type TrendingIndex, trendingIndex } from '../retrieval/trending-index.ts'
import type { Catalog, PublishedEntry } from './catalog.ts'
import { CountRowCache } from './count-row-cache.ts'
import type { ViewLimits } from './view-limits.ts'

/** Reads rows of the tables of the counts model, all of them item-side; zeros where there is no row. */
export function countReader(counts: Parameters): CountReader {
  const id = new BigUint64Array(1)
  const eventTimeMs = new Float64Array(1)
  return {
    read(name, row, out) {
      const rows = counts.rows(name, 0)
      id[0] = row
      rows.pull(id, 1, out)
      rows.eventTimes(id, 1, eventTimeMs)
      return eventTimeMs[0]!
    },
  }
}

export class CountView {
  private readonly rows: CountRowCache
  readonly trending: TrendingIndex
  /** By catalog number. */
  readonly exposures: ExposurePrior = exposurePrior(trendHalfLifeMs)
  private readonly catalog: Catalog
  private readonly indexByVideoRow = new Map<bigint, number>()
  private readonly row = new Float32Array(countDimension)

  constructor(counts: Parameters, catalog: Catalog, limits: ViewLimits) {
    this.rows = new CountRowCache(countReader(counts), limits.countRowsCachedMax)
    this.catalog = catalog
    this.trending = trendingIndex({
      halfLifeMs: trendHalfLifeMs,
      listMax: limits.trendingMax,
      regionsMax: limits.trendingRegionsMax + 1,
    })
  }

  /** Rows as of the newest delta. */
  get reader(): CountReader {
    return this.rows
  }

  /** A video came into the catalog; its rows may be older than it. */
  add(entry: PublishedEntry): void {
    this.indexByVideoRow.set(videoIds(entry.facts)[0]!, entry.index)
    this.refresh(entry.index)
  }

  remove(index: number): void {
    this.trending.remove(index)
    this.exposures.remove(index)
  }

  /** A region that feeds are asked for gets its list, from what is trending everywhere. */
  openRegion(region: string): void {
    if (region === everywhere || this.trending.regions.includes(region) || !this.trending.open(region)) return
    for (const index of this.trending.top(everywhere)) this.refreshIn(region, index)
  }

  /** Called after the replica took the delta. */
  changed(delta: Delta): void {
    for (const { table, dimension, half, rows, tombstones } of delta.tables) {
      if (!isCountTable(table)) continue
      const { ids } = decodeDeltaRows(rows, dimension, half)
      this.rows.forget(table, ids)
      // A copy starts aligned, wherever the record's bytes lie. (A Buffer's own slice would not be one.)
      this.rows.forget(table, new BigUint64Array(new Uint8Array(tombstones).buffer))
    }
    for (const { table, dimension, half, rows } of delta.tables) {
      if (table !== 'trends') continue
      for (const id of decodeDeltaRows(rows, dimension, half).ids) {
        const index = this.indexByVideoRow.get(id)
        if (index !== undefined) this.refresh(index)
      }
    }
  }

  /** Called after the replica took a snapshot. */
  reloaded(): void {
    this.rows.clear()
    this.trending.clear()
    this.exposures.clear()
    for (const index of this.indexByVideoRow.values()) this.refresh(index)
  }

  /** Outcomes of a video so far. */
  outcomesOf(entry: PublishedEntry): number {
    this.rows.read('totals', videoIds(entry.facts)[0]!, this.row)
    return this.row[countColumnIndex.outcomes]!
  }

  private refresh(index: number): void {
    if (!this.refreshIn(everywhere, index)) return
    for (const region of this.trending.regions) if (region !== everywhere) this.refreshIn(region, index)
  }

  /** Whether the video has been engaged with at all. */
  private refreshIn(region: string, index: number): boolean {
    const entry = this.catalog.servableAt(index)
    if (entry === null) return false
    const id = region === everywhere ? videoIds(entry.facts)[0]! : trendRowId(region, entry.videoId)
    const asOfMs = this.rows.read('trends', id, this.row)
    if (asOfMs === 0) return false
    if (region === everywhere) this.exposures.set(index, this.row[countColumnIndex.outcomes]!, asOfMs)
    this.trending.update(region, index, trendWeight(this.row), asOfMs)
    return true
  }
}

function isCountTable(name: string): name is CountTable {
  return (countTables as readonly string[]).includes(name)
}

/** How much a decayed count row speaks for its video: what held people, and what they did about it. */
function trendWeight(row: Float32Array): number {
  const at = (column: keyof typeof countColumnIndex): number => row[countColumnIndex[column]]!
  return (
    at('complete') +
    at('longView') +
    2 * at('like') +
    2 * at('share') +
    at('comment') +
    2 * at('follow') -
    at('earlySkip') / 2 -
    2 * at('notInterested')
  )
}
