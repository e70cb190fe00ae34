// The user's vector, from the features that are scored: retrieval searches with it, and the ranker's similarity is taken
// from it.
import type { QueryHydrator } from '../../pipeline/stages.ts'
import type { FeedQuery } from '../feed-query.ts'

export const vectorQueryHydrator: QueryHydrator<FeedQuery> = {
  name: 'query-vector',
  enabled: ({ view, features }) => view.vectors.encoder !== null && features !== null,
  hydrateQuery(query) {
    query.vector = query.view.vectors.encoder!.encodeQuery(query.features!, query.userBucket)
  },
}
