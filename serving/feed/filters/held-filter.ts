// A video that was served lately and never reached waits before it is served again, unless nothing else is left.
import type { Filter } from '../../pipeline/stages.ts'
import type { PublishedEntry } from '../../view/catalog.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

export function isHeld({ user, params, nowMs }: FeedQuery, entry: PublishedEntry): boolean {
  const sinceMs = user.heldSinceMs(entry.index)
  return sinceMs !== null && nowMs - sinceMs < params.pool.holdMinutes * 60_000
}

export const heldFilter: Filter<FeedQuery, FeedCandidate> = {
  name: 'held',
  enabled: () => true,
  filter(query, candidates) {
    const kept: FeedCandidate[] = []
    const removed: FeedCandidate[] = []
    for (const candidate of candidates) {
      ;(candidate.again || !isHeld(query, candidate.entry) ? kept : removed).push(candidate)
    }
    return { kept, removed }
  },
}
