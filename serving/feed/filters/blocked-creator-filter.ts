// Nothing of a creator whom the user blocked.
import { type EntryFilter, entryFilter } from './entry-filter.ts'

export const blockedCreatorFilter: EntryFilter = entryFilter(
  'blocked-creator',
  ({ user }, entry) => !user.hasBlocked(entry.facts.creatorId),
  ({ user }) => user.hasBlockedAny,
)
