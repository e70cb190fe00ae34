// Any videos at all, for users about whom little is known: what no other source would ever bring gets a chance.
import type { Source } from '../../pipeline/stages.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible } from '../filters/eligible.ts'
import { coldnessOf } from '../topic-beliefs.ts'

/** Below this the user's own evidence is left alone. */
const coldnessMin = 0.3
const drawsPerWanted = 4

export const randomSource: Source<FeedQuery, FeedCandidate> = {
  name: 'random',
  enabled: (query) => query.params.retrieval.random > 0 && coldnessOf(query) >= coldnessMin,
  retrieve(query) {
    const { catalog } = query.view
    const wanted = query.params.retrieval.random
    const random = query.random('random-source')
    const found = new Map<number, FeedCandidate>()
    for (let draw = 0; draw < wanted * drawsPerWanted && found.size < wanted; draw++) {
      const index = random.below(catalog.size)
      const entry = found.has(index) ? null : eligible(query, index)
      if (entry !== null) found.set(index, feedCandidate(entry, 'random'))
    }
    return [...found.values()]
  },
}
