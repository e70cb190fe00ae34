// The page-side features that are scored, and frozen in FeedServed. Last of the query hydrators: it reads the context.
import type { QueryHydrator } from '../../pipeline/stages.ts'
import type { FeedQuery } from '../feed-query.ts'

export const featuresQueryHydrator: QueryHydrator<FeedQuery> = {
  name: 'query-features',
  enabled: () => true,
  hydrateQuery(query) {
    query.features = query.view.features.readQuery(query.context)
  },
}
