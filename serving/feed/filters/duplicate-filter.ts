// One showing of each thing: of candidates with the same content the first stays.
import type { Filter } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

export const duplicateFilter: Filter<FeedQuery, FeedCandidate> = {
  name: 'duplicate',
  enabled: () => true,
  filter(_query, candidates) {
    const contents = new Set<number>()
    const kept: FeedCandidate[] = []
    const removed: FeedCandidate[] = []
    for (const candidate of candidates) {
      const { contentIndex } = candidate.entry
      ;(contents.has(contentIndex) ? removed : kept).push(candidate)
      contents.add(contentIndex)
    }
    return { kept, removed }
  },
}
