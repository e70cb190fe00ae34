// Videos whose vectors lie nearest to the user's, both of one tower generation. Nothing before the first generation.
import type { Source } from '../../pipeline/stages.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible } from '../filters/eligible.ts'

export const twoTowerSource: Source<FeedQuery, FeedCandidate> = {
  name: 'two-tower',
  enabled: ({ params, view, features }) =>
    params.retrieval.twoTower > 0 && view.vectors.encoder !== null && features !== null,
  retrieve(query) {
    const { vectors, catalog } = query.view
    const vector = vectors.encoder!.encodeQuery(query.features!)
    return vectors.index
      .search(vector, query.params.retrieval.twoTower, (index) => eligible(query, index) === null)
      .map(({ key, similarity }) => feedCandidate(catalog.servableAt(key)!, 'two-tower', { similarity }))
  },
}
