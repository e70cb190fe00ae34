// Videos whose vectors lie nearest to the user's, both of one tower generation. Nothing before the first generation.
import type { Source } from '../../pipeline/stages.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible } from '../filters/eligible.ts'

export const twoTowerSource: Source<FeedQuery, FeedCandidate> = {
  name: 'two-tower',
  enabled: ({ params, vector }) => params.retrieval.twoTower > 0 && vector !== null,
  retrieve(query) {
    const { vectors, catalog } = query.view
    return vectors.index
      .search(query.vector!, query.params.retrieval.twoTower, (index) => eligible(query, index) === null)
      .map(({ key }) => feedCandidate(catalog.servableAt(key)!, 'two-tower'))
  },
}
