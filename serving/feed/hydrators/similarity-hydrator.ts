// The retrieval similarity of every candidate that has a vector, so that what the ranker sees of a video does not depend on
// the source that brought it.
import type { Hydrator } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

export const similarityHydrator: Hydrator<FeedQuery, FeedCandidate> = {
  name: 'similarity',
  enabled: ({ vector }) => vector !== null,
  hydrate({ vector, view }, candidates) {
    const { index } = view.vectors
    for (const candidate of candidates) {
      const own = index.vectorOf(candidate.entry.index)
      if (own !== null) candidate.similarity = dot(vector!, own)
    }
  },
}

function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0
  for (let index = 0; index < left.length; index++) sum += left[index]! * right[index]!
  return sum
}
