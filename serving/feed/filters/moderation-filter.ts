// Only what moderation allows: a limited video reaches those who follow its creator, in that feed alone.
import { type EntryFilter, entryFilter } from './entry-filter.ts'

export const moderationFilter: EntryFilter = entryFilter(
  'moderation',
  ({ request }, entry) =>
    entry.moderation === 'approved' || (entry.moderation === 'limited' && request.feed === 'following'),
)
