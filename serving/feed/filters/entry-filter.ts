// A filter that judges each video alone. Sources ask the same question before they bring one, so that what a filter would
// remove does not take a place in the pool.
import type { Filter } from '../../pipeline/stages.ts'
import type { PublishedEntry } from '../../view/catalog.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

export interface EntryFilter extends Filter<FeedQuery, FeedCandidate> {
  keeps(query: FeedQuery, entry: PublishedEntry): boolean
}

export function entryFilter(
  name: string,
  keeps: (query: FeedQuery, entry: PublishedEntry) => boolean,
  enabled: (query: FeedQuery) => boolean = () => true,
): EntryFilter {
  return {
    name,
    enabled,
    keeps,
    filter(query, candidates) {
      const kept: FeedCandidate[] = []
      const removed: FeedCandidate[] = []
      for (const candidate of candidates) (keeps(query, candidate.entry) ? kept : removed).push(candidate)
      return { kept, removed }
    },
  }
}
