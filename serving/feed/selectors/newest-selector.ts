// Newest first, nothing else: the following feed ranks nothing. What is shown again stands after what is new.
import type { Selector } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { newestFirst } from '../sources/followed-creators-source.ts'

export const newestSelector: Selector<FeedQuery, FeedCandidate> = {
  name: 'newest',
  enabled: () => true,
  select: (query, candidates) =>
    [...candidates]
      .sort((left, right) => Number(left.again) - Number(right.again) || newestFirst(left.entry, right.entry))
      .slice(0, query.request.limit),
}
