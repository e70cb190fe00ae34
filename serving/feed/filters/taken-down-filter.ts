// Nothing that was taken down.
import { type EntryFilter, entryFilter } from './entry-filter.ts'

export const takenDownFilter: EntryFilter = entryFilter('taken-down', (_query, entry) => !entry.takenDown)
