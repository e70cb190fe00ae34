// A new user's own outcomes by topic, weighing less as outcomes come in and the model takes over.
import type { ScorerStage } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { beliefOf, coldnessOf, meanOf, priorMean } from '../topic-beliefs.ts'

export const coldTopicsScorer: ScorerStage<FeedQuery, FeedCandidate> = {
  name: 'cold-topics',
  enabled: ({ params }) => params.scoring.coldTopics > 0,
  score(query, candidates) {
    const weight = query.params.scoring.coldTopics * coldnessOf(query)
    const prior = priorMean(query)
    const meanByTopic = new Map<string, number>()
    const meanOfTopic = (topic: string): number => {
      let mean = meanByTopic.get(topic)
      if (mean === undefined) {
        mean = meanOf(beliefOf(query, topic))
        meanByTopic.set(topic, mean)
      }
      return mean
    }
    for (const candidate of candidates) {
      const { topics } = candidate.entry
      if (topics.length === 0) continue
      const mean = topics.reduce((sum, topic) => sum + meanOfTopic(topic), 0) / topics.length
      candidate.score += weight * (mean - prior)
    }
  },
}
