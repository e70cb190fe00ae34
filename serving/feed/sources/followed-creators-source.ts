// The newest videos of the creators whom the user follows, newest first over all of them.
import type { Source } from '../../pipeline/stages.ts'
import type { PublishedEntry } from '../../view/catalog.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible, eligibleAgain } from '../filters/eligible.ts'

/** Candidates of the following feed, where no other source adds any. */
const followingFeedMax = 400

/** Where fewer are left than the page has places, the following feed also gives those served lately and not reached. */
export const followedCreatorsSource: Source<FeedQuery, FeedCandidate> = {
  name: 'followed-creators',
  enabled: (query) => wantedOf(query) > 0 && query.user.follows.size > 0,
  retrieve(query) {
    const wanted = wantedOf(query)
    const found = newest(query, wanted, (index) => eligible(query, index))
    const candidates = found.map((entry) => feedCandidate(entry, 'followed-creators'))
    const { feed, limit } = query.request
    if (feed !== 'following' || candidates.length >= limit) return candidates
    const known = new Set(found)
    const again = newest(query, wanted, (index) => eligibleAgain(query, index)).filter((entry) => !known.has(entry))
    return [...candidates, ...again.map((entry) => feedCandidate(entry, 'followed-creators', { again: true }))]
  },
}

function wantedOf({ request, params }: FeedQuery): number {
  return request.feed === 'following' ? followingFeedMax : params.retrieval.following
}

function newest(
  { user, view }: FeedQuery,
  wanted: number,
  entryOf: (index: number) => PublishedEntry | null,
): PublishedEntry[] {
  const found: PublishedEntry[] = []
  for (const creatorId of user.follows.keys()) {
    let ofCreator = 0
    for (const index of view.catalog.byCreator(creatorId)) {
      if (ofCreator === wanted) break
      const entry = entryOf(index)
      if (entry === null) continue
      found.push(entry)
      ofCreator++
    }
  }
  return found.sort(newestFirst).slice(0, wanted)
}

/** Newest first; of one time, the later known. */
export function newestFirst(left: PublishedEntry, right: PublishedEntry): number {
  return right.facts.publishedTimeMs - left.facts.publishedTimeMs || right.index - left.index
}
