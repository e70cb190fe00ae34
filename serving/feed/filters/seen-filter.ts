// No video twice: not one that was watched or passed, nor one that this session already gave, nor another showing of it.
import { type EntryFilter, entryFilter } from './entry-filter.ts'

export const seenFilter: EntryFilter = entryFilter(
  'seen',
  ({ user, session }, entry) =>
    !user.hasSeen(entry) && !session.hasServed(entry.index) && !session.hasServed(entry.contentIndex),
)
