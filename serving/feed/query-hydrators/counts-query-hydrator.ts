// Running counts, as the view has them at this turn.
import type { QueryHydrator } from '../../pipeline/stages.ts'
import type { FeedQuery } from '../feed-query.ts'

export const countsQueryHydrator: QueryHydrator<FeedQuery> = {
  name: 'counts',
  enabled: () => true,
  hydrateQuery({ view, context }) {
    context.counts = view.countView.reader
  },
}
