// What the user did last.
import type { QueryHydrator } from '../../pipeline/stages.ts'
import type { FeedQuery } from '../feed-query.ts'

export const historyQueryHydrator: QueryHydrator<FeedQuery> = {
  name: 'history',
  enabled: () => true,
  hydrateQuery({ user, context }) {
    context.history = user.history
  },
}
