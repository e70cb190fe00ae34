// Whether the filters that judge a video alone would all keep it: what sources ask before they bring one.
import type { PublishedEntry } from '../../view/catalog.ts'
import type { FeedQuery } from '../feed-query.ts'
import { ageFilter } from './age-filter.ts'
import { blockedCreatorFilter } from './blocked-creator-filter.ts'
import type { EntryFilter } from './entry-filter.ts'
import { isHeld } from './held-filter.ts'
import { moderationFilter } from './moderation-filter.ts'
import { seenFilter } from './seen-filter.ts'
import { takenDownFilter } from './taken-down-filter.ts'

/** In the order in which a feed runs them. */
export const entryFilters: readonly EntryFilter[] = [
  takenDownFilter,
  moderationFilter,
  ageFilter,
  blockedCreatorFilter,
  seenFilter,
]

/** Filters that remove what they cannot judge. */
export const safetyFilters: ReadonlySet<string> = new Set(
  [takenDownFilter, moderationFilter, ageFilter, blockedCreatorFilter].map((filter) => filter.name),
)

/** The video where it may be shown now; null where not. */
export function eligible(query: FeedQuery, index: number): PublishedEntry | null {
  const entry = eligibleAgain(query, index)
  return entry !== null && !isHeld(query, entry) ? entry : null
}

/** The same, were it not held back for having been served lately. */
export function eligibleAgain(query: FeedQuery, index: number): PublishedEntry | null {
  const entry = query.view.catalog.servableAt(index)
  if (entry === null) return null
  for (const filter of entryFilters) if (!filter.keeps(query, entry)) return null
  return entry
}
