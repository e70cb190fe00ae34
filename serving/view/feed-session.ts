// One feed session: its seed, the pages it gave, and every video on them, so that no page repeats another.
import type { FeedKind } from '../shard.ts'
import { BoundedMap } from './bounded-map.ts'

export interface ServedPage {
  readonly requestId: string
  readonly sessionId: string
  /** Catalog numbers by position. */
  readonly indexes: readonly number[]
}

export class FeedSession {
  readonly sessionId: string
  readonly seed: number
  readonly feed: FeedKind
  /** Number that the next page gets. */
  nextPage = 0
  private readonly requestByPage: BoundedMap<number, string>
  private readonly served = new Set<number>()

  constructor(sessionId: string, seed: number, feed: FeedKind, pagesMax: number) {
    this.sessionId = sessionId
    this.seed = seed
    this.feed = feed
    this.requestByPage = new BoundedMap(pagesMax)
  }

  add(page: number, requestId: string, indexes: readonly number[]): void {
    this.requestByPage.set(page, requestId)
    this.nextPage = Math.max(this.nextPage, page + 1)
    for (const index of indexes) this.served.add(index)
  }

  /** Counts a video as served that was not itself: another showing of the same thing. */
  hold(index: number): void {
    this.served.add(index)
  }

  /** Request that gave the page; null where it is not known any more. */
  requestOf(page: number): string | null {
    return this.requestByPage.get(page) ?? null
  }

  hasServed(index: number): boolean {
    return this.served.has(index)
  }
}
