// Videos whose vectors lie nearest to the user's, both of one tower generation, and that were shown most of late where the
// towers were trained to leave that out. Nothing before the first generation.
import type { Source } from '../../pipeline/stages.ts'
import type { CountView } from '../../view/count-view.ts'
import type { QueryEncoder } from '../../view/vector-view.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible } from '../filters/eligible.ts'

export const twoTowerSource: Source<FeedQuery, FeedCandidate> = {
  name: 'two-tower',
  enabled: ({ params, vector }) => params.retrieval.twoTower > 0 && vector !== null,
  retrieve(query) {
    const { vectors, catalog, countView } = query.view
    const excluded = (index: number) => eligible(query, index) === null
    return vectors.index
      .search(
        query.vector!,
        query.params.retrieval.twoTower,
        excluded,
        bonusOf(vectors.encoder, countView, query.nowMs),
      )
      .map(({ key }) => feedCandidate(catalog.servableAt(key)!, 'two-tower'))
  },
}

function bonusOf(encoder: QueryEncoder | null, { exposures }: CountView, nowMs: number) {
  const scale = encoder?.priorScale ?? 0
  if (scale === 0) return undefined
  const logExposure = exposures.at(nowMs)
  return (index: number) => scale * logExposure(index)
}
