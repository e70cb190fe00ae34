// Counts what each source had on the pages: a source whose share falls to nothing has stopped working.
import type { SideEffect } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

export interface SourceShareCounter extends SideEffect<FeedQuery, FeedCandidate> {
  readonly entriesBySource: ReadonlyMap<string, number>
  readonly explored: number
  readonly pages: number
}

export function sourceShareCounter(): SourceShareCounter {
  const entriesBySource = new Map<string, number>()
  let explored = 0
  let pages = 0
  return {
    name: 'source-share',
    entriesBySource,
    get explored() {
      return explored
    },
    get pages() {
      return pages
    },
    enabled: () => true,
    record(_query, page) {
      pages++
      for (const { sources, propensity } of page) {
        const source = sources[0]!
        entriesBySource.set(source, (entriesBySource.get(source) ?? 0) + 1)
        if (propensity < 1) explored++
      }
    },
  }
}
