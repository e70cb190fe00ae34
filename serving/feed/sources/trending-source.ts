// What is most engaged with now, half from the page's region and half from everywhere.
import type { Source } from '../../pipeline/stages.ts'
import { everywhere } from '../../retrieval/trending-index.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible } from '../filters/eligible.ts'

export const trendingSource: Source<FeedQuery, FeedCandidate> = {
  name: 'trending',
  enabled: ({ params }) => params.retrieval.trending > 0,
  retrieve(query) {
    const { trending } = query.view.countView
    const limit = query.params.retrieval.trending
    const found = new Map<number, FeedCandidate>()
    take(query, trending.top(query.context.region), Math.ceil(limit / 2), found)
    take(query, trending.top(everywhere), limit, found)
    return [...found.values()]
  },
}

function take(query: FeedQuery, indexes: readonly number[], upTo: number, found: Map<number, FeedCandidate>): void {
  for (const index of indexes) {
    if (found.size >= upTo) return
    if (found.has(index)) continue
    const entry = eligible(query, index)
    if (entry !== null) found.set(index, feedCandidate(entry, 'trending'))
  }
}
