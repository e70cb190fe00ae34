// New videos on trial: until a video has had its outcomes or its time, it is offered; then it stands on its own.
import type { Source } from '../../pipeline/stages.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible } from '../filters/eligible.ts'

/** Videos looked at for one page: those past their trial are passed over. */
const lookedAtMax = 600

export const freshSource: Source<FeedQuery, FeedCandidate> = {
  name: 'fresh',
  enabled: ({ params }) => params.retrieval.fresh > 0,
  retrieve(query) {
    const { fresh, trialOutcomes, trialHours } = query.params.retrieval
    const oldestMs = query.nowMs - trialHours * 3_600_000
    const found: FeedCandidate[] = []
    let lookedAt = 0
    query.view.fresh.newestFirst((index, publishedTimeMs) => {
      if (publishedTimeMs < oldestMs || ++lookedAt > lookedAtMax) return false
      const entry = eligible(query, index)
      if (entry !== null && query.view.countView.outcomesOf(entry) < trialOutcomes) {
        found.push(feedCandidate(entry, 'fresh'))
      }
      return found.length < fresh
    })
    return found
  },
}
