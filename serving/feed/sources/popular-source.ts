// What keeps a feed from being empty: popular videos, then new ones, then the whole catalog, until the pool is big enough;
// where the user has been served everything, what was served without being reached, oldest first.
import type { Source } from '../../pipeline/stages.ts'
import { everywhere } from '../../retrieval/trending-index.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible, eligibleAgain } from '../filters/eligible.ts'

export const popularSource: Source<FeedQuery, FeedCandidate> = {
  name: 'popular',
  enabled: () => true,
  retrieve(query) {
    const { view, request, params } = query
    // One more than the page holds, so that the page knows whether there is another.
    const wanted = Math.max(params.retrieval.popularFloor, request.limit + 1)
    const found = new Map<number, FeedCandidate>()
    const contents = new Set<number>()
    const offer = (index: number): boolean => {
      const entry = found.has(index) ? null : eligible(query, index)
      if (entry !== null && !contents.has(entry.contentIndex)) {
        contents.add(entry.contentIndex)
        found.set(index, feedCandidate(entry, 'popular'))
      }
      return found.size < wanted
    }
    if (!view.countView.trending.top(query.context.region).every(offer)) return [...found.values()]
    if (!view.countView.trending.top(everywhere).every(offer)) return [...found.values()]
    const { size } = view.catalog
    const start = size === 0 ? 0 : query.random('popular-source').below(size)
    for (let step = 0; step < size && offer((start + step) % size); step++);
    if (found.size <= request.limit)
      for (const candidate of servedAgain(query, contents)) found.set(candidate.entry.index, candidate)
    return [...found.values()]
  },
}

function servedAgain(query: FeedQuery, contents: ReadonlySet<number>): FeedCandidate[] {
  const { catalog } = query.view
  const held: { readonly candidate: FeedCandidate; readonly sinceMs: number }[] = []
  for (const index of query.user.heldIndexes()) {
    const entry = eligibleAgain(query, index)
    if (entry === null || contents.has(entry.contentIndex)) continue
    const candidate = feedCandidate(catalog.servableAt(index)!, 'popular', { again: true })
    held.push({ candidate, sinceMs: query.user.heldSinceMs(index) ?? 0 })
  }
  return held.sort((left, right) => left.sinceMs - right.sinceMs).map(({ candidate }) => candidate)
}
