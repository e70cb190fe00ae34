// The entry-side features of every candidate, that are scored and, for what is shown, frozen in FeedServed.
import type { Hydrator } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

export const featuresHydrator: Hydrator<FeedQuery, FeedCandidate> = {
  name: 'entry-features',
  enabled: () => true,
  hydrate(query, candidates) {
    const { features } = query.view
    for (const candidate of candidates) {
      candidate.features = features.readEntry(query.context, candidate.entry.facts)
    }
  },
}
