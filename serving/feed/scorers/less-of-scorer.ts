// What the user asked to see less of sinks, and rises again as the asking fades.
import type { ScorerStage } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

export const lessOfScorer: ScorerStage<FeedQuery, FeedCandidate> = {
  name: 'less-of',
  enabled: ({ params, user }) => params.scoring.lessOf > 0 && !user.lessOf.isEmpty,
  score({ params, user, nowMs }, candidates) {
    const halfLifeMs = params.scoring.lessOfHalfLifeHours * 3_600_000
    for (const candidate of candidates) {
      const { facts, topics } = candidate.entry
      const weight = user.lessOf.weightOf(facts.creatorId, topics, nowMs, halfLifeMs)
      if (weight === 0) continue
      candidate.score -= params.scoring.lessOf * weight
      candidate.reasons.push('less of this')
    }
  },
}
