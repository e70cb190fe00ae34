// Nothing rated above the viewer's age. The birthday is not known, so the year's last day is taken for it.
import type { FeedQuery } from '../feed-query.ts'
import { type EntryFilter, entryFilter } from './entry-filter.ts'

export const ageFilter: EntryFilter = entryFilter(
  'age',
  (query, entry) => entry.ageRating === null || entry.ageRating <= ageOf(query),
)

function ageOf({ user, params, nowMs }: FeedQuery): number {
  const { birthYear } = user.facts
  if (birthYear === null) return params.safety.assumedAge
  return new Date(nowMs).getUTCFullYear() - birthYear - 1
}
