// What the user's own outcomes say of topics, as Beta posteriors, and how much of a page is left to finding out more.
import type { FeedQuery } from './feed-query.ts'

export interface TopicBelief {
  readonly alpha: number
  readonly beta: number
}

export function beliefOf({ user, params }: FeedQuery, topic: string): TopicBelief {
  const { priorLikes, priorDislikes, interestLikes } = params.exploration
  const evidence = user.topics.evidenceOf(topic)
  const interest = isInterest(user.facts.interests, topic) ? interestLikes : 0
  return {
    alpha: priorLikes + interest + (evidence?.likes ?? 0),
    beta: priorDislikes + (evidence?.dislikes ?? 0),
  }
}

export const meanOf = ({ alpha, beta }: TopicBelief): number => alpha / (alpha + beta)

/** Mean of a topic that nothing is known of. */
export function priorMean({ params }: FeedQuery): number {
  const { priorLikes, priorDislikes } = params.exploration
  return priorLikes / (priorLikes + priorDislikes)
}

/** From 1 for a new user towards 0: how much the user's few outcomes count beside the model. */
export function coldnessOf({ user, params }: FeedQuery): number {
  const { coldOutcomes } = params.scoring
  return coldOutcomes / (coldOutcomes + user.topics.outcomes)
}

/** Share of the page's entries that explore. Halves as outcomes come in; a run of early skips raises it again. */
export function epsilonOf({ user, params }: FeedQuery): number {
  const { epsilonCold, epsilonFloor, halvingOutcomes, epsilonAfterSkips, skipRun } = params.exploration
  const left = 2 ** (-user.topics.outcomes / halvingOutcomes)
  const epsilon = epsilonFloor + Math.max(0, epsilonCold - epsilonFloor) * left
  return user.topics.earlySkipRun >= skipRun ? Math.max(epsilon, epsilonAfterSkips) : epsilon
}

function isInterest(interests: readonly string[], topic: string): boolean {
  if (interests.length === 0) return false
  const name = topic.startsWith('category:') ? topic.slice('category:'.length) : topic
  return interests.some((interest) => interest === topic || interest.toLowerCase() === name.toLowerCase())
}
