// The most engaged videos of each region under exponential decay. The order never needs time to pass: a weight w at time
// t with half life h is kept as log2(w) + t / h, which orders videos the same at every later moment.

export interface TrendingOptions {
  readonly halfLifeMs: number
  /** Videos kept for each region. */
  readonly listMax: number
  /** Regions beyond this have no list of their own. */
  readonly regionsMax: number
}

/** Name under which videos of all regions are listed. */
export const everywhere = ''

export interface TrendingIndex {
  readonly regions: readonly string[]
  /** Gives a region its list; false where there are too many. */
  open(region: string): boolean
  /** The decayed weight of a video in a region, as of a time. Not above 0: the video leaves the list. */
  update(region: string, key: number, weight: number, asOfMs: number): void
  remove(key: number): void
  /** Keys, most engaged first; empty for a region without a list. */
  top(region: string): readonly number[]
  /** Score of a listed video, comparable within one index at any time; null where it is not listed. */
  scoreOf(region: string, key: number): number | null
  clear(): void
}

export function trendingIndex(options: TrendingOptions): TrendingIndex {
  const listByRegion = new Map<string, TopList>([[everywhere, new TopList(options.listMax)]])
  return {
    get regions() {
      return [...listByRegion.keys()]
    },
    open(region) {
      if (listByRegion.has(region)) return true
      if (listByRegion.size >= options.regionsMax) return false
      listByRegion.set(region, new TopList(options.listMax))
      return true
    },
    update(region, key, weight, asOfMs) {
      const list = listByRegion.get(region)
      if (list === undefined) return
      if (weight > 0) list.set(key, Math.log2(weight) + asOfMs / options.halfLifeMs)
      else list.remove(key)
    },
    remove(key) {
      for (const list of listByRegion.values()) list.remove(key)
    },
    top: (region) => listByRegion.get(region)?.keys ?? [],
    scoreOf: (region, key) => listByRegion.get(region)?.scoreOf(key) ?? null,
    clear() {
      for (const list of listByRegion.values()) list.clear()
    },
  }
}

/** A sorted list with at most `max` places. A change costs O(max) moves of numbers: a few hundred. */
class TopList {
  readonly keys: number[] = []
  private readonly max: number
  private readonly scoreByKey = new Map<number, number>()

  constructor(max: number) {
    this.max = max
  }

  set(key: number, score: number): void {
    this.remove(key)
    const place = this.placeOf(score, key)
    if (place >= this.max) return
    this.keys.splice(place, 0, key)
    this.scoreByKey.set(key, score)
    if (this.keys.length > this.max) this.scoreByKey.delete(this.keys.pop()!)
  }

  remove(key: number): void {
    const score = this.scoreByKey.get(key)
    if (score === undefined) return
    this.keys.splice(this.placeOf(score, key), 1)
    this.scoreByKey.delete(key)
  }

  scoreOf(key: number): number | null {
    return this.scoreByKey.get(key) ?? null
  }

  clear(): void {
    this.keys.length = 0
    this.scoreByKey.clear()
  }

  /** First place that is not before (score, key). */
  private placeOf(score: number, key: number): number {
    let low = 0
    let high = this.keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.keys[middle]!
      const otherScore = this.scoreByKey.get(other)!
      if (otherScore > score || (otherScore === score && other < key)) low = middle + 1
      else high = middle
    }
    return low
  }
}
