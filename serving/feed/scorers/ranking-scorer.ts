// The model's word: a weighted sum of the heads' probabilities, weights by policy.
import type { Scorer } from '../../../trainers/model/model.ts'
import type { ScorerStage } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'

/** Scores nothing where the query could not be hydrated. */
export function rankingScorer(scorer: Scorer): ScorerStage<FeedQuery, FeedCandidate> {
  return {
    name: 'ranking',
    enabled: ({ features }) => features !== null,
    score(query, candidates) {
      const ranked = candidates.filter((candidate) => candidate.features !== null)
      if (ranked.length === 0) return
      const similarities = Float32Array.from(ranked, (candidate) => candidate.similarity)
      const rows = ranked.map((candidate) => candidate.features!)
      const predictions = scorer.score(query.features!, rows, similarities, query.userBucket)
      const weights = headWeights(scorer.headNames, query.params.ranking)
      const width = scorer.headNames.length
      ranked.forEach((candidate, index) => {
        candidate.predictions = predictions.subarray(index * width, (index + 1) * width)
        candidate.score += weights.reduce((sum, weight, head) => sum + weight * candidate.predictions[head]!, 0)
      })
    },
  }
}

function headWeights(headNames: readonly string[], weights: FeedQuery['params']['ranking']): number[] {
  return headNames.map((name) => (Object.hasOwn(weights, name) ? weights[name as keyof typeof weights] : 0))
}
