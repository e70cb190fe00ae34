// Videos near the last one completed or liked: by the towers' vectors, else by content, so that it works from the first
// swipe and for videos that nobody has seen.
import type { Source } from '../../pipeline/stages.ts'
import type { VectorIndex } from '../../retrieval/vector-index.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible } from '../filters/eligible.ts'

export const similarSource: Source<FeedQuery, FeedCandidate> = {
  name: 'similar',
  enabled: ({ params, user }) => params.retrieval.similar > 0 && user.history.recent.length > 0,
  retrieve(query) {
    const { catalog, vectors, contents } = query.view
    const liked = query.user.history.recent.find((act) => (act.completed || act.liked) && !act.notInterested)
    const entry = liked === undefined ? null : catalog.byId(liked.videoId)
    if (entry === null) return []
    return nearest(query, vectors.index, entry.index) ?? nearest(query, contents, entry.index) ?? []
  },
}

function nearest(query: FeedQuery, index: VectorIndex, key: number): FeedCandidate[] | null {
  const vector = index.vectorOf(key)
  if (vector === null) return null
  return index
    .search(vector, query.params.retrieval.similar, (other) => eligible(query, other) === null)
    .map((match) => feedCandidate(query.view.catalog.servableAt(match.key)!, 'similar'))
}
