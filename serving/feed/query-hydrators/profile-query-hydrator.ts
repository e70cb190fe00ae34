// Who asks: the profile, and the region and language of the request or else of the profile.
import type { QueryHydrator } from '../../pipeline/stages.ts'
import { type FeedQuery, unknownLanguage, unknownRegion } from '../feed-query.ts'

export const profileQueryHydrator: QueryHydrator<FeedQuery> = {
  name: 'profile',
  enabled: () => true,
  hydrateQuery({ request, user, context }) {
    context.user = user.facts
    context.region = request.region ?? user.facts.region ?? unknownRegion
    context.language = request.language ?? user.facts.language ?? unknownLanguage
  },
}
