// What the session so far says, before any model has learned it: the next page follows the last swipe.
import { sessionAffinity } from '../../../streams/features/session.ts'
import type { ScorerStage } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

/** Affinities lie in about -4 to 4; hyperbolic tangents keep one loud signal from deciding alone. */
const hashtagShare = 0.6
const creatorShare = 0.3
const soundShare = 0.1
/** Below this an affinity is no reason worth naming. */
const reasonMin = 0.1

export const sessionAffinityScorer: ScorerStage<FeedQuery, FeedCandidate> = {
  name: 'session-affinity',
  enabled: ({ params, context }) => params.scoring.sessionAffinity > 0 && context.history.recent.length > 0,
  score({ params, context }, candidates) {
    for (const candidate of candidates) {
      const affinity = sessionAffinity(context.history, candidate.entry.facts, context.nowMs)
      const pull =
        hashtagShare * Math.tanh(affinity.hashtag) +
        creatorShare * Math.tanh(affinity.creator) +
        soundShare * Math.tanh(affinity.sound)
      if (pull === 0) continue
      candidate.score += params.scoring.sessionAffinity * pull
      const { topHashtag } = affinity
      if (Math.abs(pull) >= reasonMin && topHashtag !== null) {
        candidate.reasons.push(`session: ${pull > 0 ? 'completed' : 'skipped'} ${nameOf(topHashtag)}`)
      }
    }
  },
}

const nameOf = (topic: string): string => (topic.startsWith('category:') ? topic : `#${topic}`)
