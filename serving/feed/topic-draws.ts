// Which topic an exploring entry tries: Thompson sampling (Thompson 1933) with a probability that can be told. Posterior
// draws decide how likely each topic is to be the best; one more number then picks by those shares, smoothed so that no
// topic is impossible. Given the draws, which the request seeds, the shares are the true propensities.
import type { FeedQuery } from './feed-query.ts'
import type { SeededRandom } from './seeded-random.ts'
import { beliefOf } from './topic-beliefs.ts'

export interface TopicShare {
  readonly topic: string
  /** Above 0; all of a page sum to 1. */
  readonly share: number
}

/** Shares of the topics, in the order given. */
export function topicShares(query: FeedQuery, topics: readonly string[], random: SeededRandom): TopicShare[] {
  const beliefs = topics.map((topic) => beliefOf(query, topic))
  const { draws } = query.params.exploration
  const wins = new Float64Array(topics.length)
  for (let draw = 0; draw < draws; draw++) {
    let best = -1
    let bestValue = -1
    for (let index = 0; index < beliefs.length; index++) {
      const value = random.beta(beliefs[index]!.alpha, beliefs[index]!.beta)
      if (value > bestValue) {
        best = index
        bestValue = value
      }
    }
    if (best >= 0) wins[best] = wins[best]! + 1
  }
  return topics.map((topic, index) => ({ topic, share: (wins[index]! + 1 / topics.length) / (draws + 1) }))
}

/** One of the shares by a number in [0, 1), with its part of them all; null where there are none. */
export function pickShare(shares: readonly TopicShare[], uniform: number): TopicShare | null {
  const total = shares.reduce((sum, { share }) => sum + share, 0)
  let left = uniform * total
  for (const one of shares) {
    left -= one.share
    if (left < 0) return { topic: one.topic, share: one.share / total }
  }
  const last = shares.at(-1)
  return last === undefined ? null : { topic: last.topic, share: last.share / total }
}
