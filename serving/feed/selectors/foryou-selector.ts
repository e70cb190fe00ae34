// Builds the For You page entry by entry: mostly the best that the rules allow; with probability epsilon an experiment,
// the best video of a topic drawn by how likely it is to please. The seed decides, and the propensity is written down.
import type { Selector } from '../../pipeline/stages.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { epsilonOf } from '../topic-beliefs.ts'
import { pickShare, type TopicShare, topicShares } from '../topic-draws.ts'
import { PageRules } from './page-rules.ts'

/** Topics drawn from: the first by the best candidate of each. */
const topicsDrawnMax = 64

export const foryouSelector: Selector<FeedQuery, FeedCandidate> = {
  name: 'foryou',
  enabled: () => true,
  select(query, candidates) {
    const rules = new PageRules(query.params.selection)
    const epsilon = epsilonOf(query)
    const random = query.random('exploration')
    // Posterior draws cost a millisecond, and most pages of a known user explore nothing.
    let shares: TopicShare[] | null = null
    const left = [...candidates]
    const tried = new Set<string>()
    const page: FeedCandidate[] = []
    while (page.length < query.request.limit && left.length > 0) {
      const allowed = rules.allowed(left)
      const best = bestOf(allowed, rules.topicCounts(), query.params.selection.topicDiscount)
      const explores = random.uniform() < epsilon
      // Drawn whether it is used or not: a later entry's numbers must not depend on this one's.
      const draw = random.uniform()
      if (explores) shares ??= topicShares(query, topicsOf(candidates), query.random('topic-draws'))
      const chosen = explores ? experiment(allowed, shares!, tried, draw, epsilon, best) : best
      for (const topic of chosen.entry.narrowTopics) tried.add(topic)
      page.push(chosen)
      rules.place(chosen)
      left.splice(left.indexOf(chosen), 1)
    }
    return page
  },
}

function topicsOf(candidates: readonly FeedCandidate[]): string[] {
  const topics = new Set<string>()
  for (const candidate of candidates) {
    for (const topic of candidate.entry.narrowTopics) {
      if (topics.size === topicsDrawnMax) return [...topics]
      topics.add(topic)
    }
  }
  return [...topics]
}

/** Best by score, less a discount for each entry lately of its most frequent topic. `allowed` comes best score first, so
 *  that none after a score below the best so far can win. */
function bestOf(
  allowed: readonly FeedCandidate[],
  countByTopic: ReadonlyMap<string, number>,
  discount: number,
): FeedCandidate {
  let best = allowed[0]!
  let bestScore = Number.NEGATIVE_INFINITY
  for (const candidate of allowed) {
    if (candidate.score <= bestScore) break
    let count = 0
    for (const topic of candidate.entry.narrowTopics) count = Math.max(count, countByTopic.get(topic) ?? 0)
    const score = candidate.score - discount * count
    if (score > bestScore) {
      best = candidate
      bestScore = score
    }
  }
  return best
}

/** The best allowed video of a drawn topic that the page has not tried yet; `best` where no topic is left to try. */
function experiment(
  allowed: readonly FeedCandidate[],
  shares: readonly TopicShare[],
  tried: ReadonlySet<string>,
  draw: number,
  epsilon: number,
  best: FeedCandidate,
): FeedCandidate {
  const bestByTopic = new Map<string, FeedCandidate>()
  for (const candidate of allowed) {
    for (const topic of candidate.entry.narrowTopics) if (!bestByTopic.has(topic)) bestByTopic.set(topic, candidate)
  }
  const open = shares.filter(({ topic }) => bestByTopic.has(topic) && !tried.has(topic))
  const picked = pickShare(open, draw)
  if (picked === null) return best
  const chosen = bestByTopic.get(picked.topic)!
  const total = open.reduce((sum, { share }) => sum + share, 0)
  const shareOfChosen = open.reduce((sum, { topic, share }) => sum + (bestByTopic.get(topic) === chosen ? share : 0), 0)
  chosen.propensity = (epsilon * shareOfChosen) / total + (chosen === best ? 1 - epsilon : 0)
  chosen.reasons.push(`explored: ${picked.topic}`)
  return chosen
}
