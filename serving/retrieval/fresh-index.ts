// Videos by time of publication, newest first, bounded: the oldest makes room.

export interface FreshIndex {
  readonly size: number
  /** Adds a video or moves it to another time. */
  upsert(key: number, publishedTimeMs: number): void
  remove(key: number): void
  /** Walks from the newest; `visit` returns false to stop. */
  newestFirst(visit: (key: number, publishedTimeMs: number) => boolean): void
}

export function freshIndex(options: { readonly videosMax: number }): FreshIndex {
  /** Oldest first, so that the usual insertion, the newest, is a push. */
  const keys: number[] = []
  const timeByKey = new Map<number, number>()

  function placeOf(timeMs: number, key: number): number {
    let low = 0
    let high = keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = keys[middle]!
      const otherTimeMs = timeByKey.get(other)!
      if (otherTimeMs < timeMs || (otherTimeMs === timeMs && other < key)) low = middle + 1
      else high = middle
    }
    return low
  }

  function remove(key: number): void {
    const timeMs = timeByKey.get(key)
    if (timeMs === undefined) return
    keys.splice(placeOf(timeMs, key), 1)
    timeByKey.delete(key)
  }

  return {
    get size() {
      return keys.length
    },
    upsert(key, publishedTimeMs) {
      if (timeByKey.get(key) === publishedTimeMs) return
      remove(key)
      keys.splice(placeOf(publishedTimeMs, key), 0, key)
      timeByKey.set(key, publishedTimeMs)
      if (keys.length > options.videosMax) timeByKey.delete(keys.shift()!)
    },
    remove,
    newestFirst(visit) {
      for (let place = keys.length - 1; place >= 0; place--) {
        const key = keys[place]!
        if (!visit(key, timeByKey.get(key)!)) return
      }
    },
  }
}
