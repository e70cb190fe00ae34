// What may stand next on a page: creators apart, no topic everywhere. Rules give way in a stated order rather than leave
// a page short.
import type { FeedCandidate } from '../feed-candidate.ts'
import type { Params } from '../params.ts'

/** Topic caps are counted over this many entries back. */
const capWindow = 10
const tiers = 6

export class PageRules {
  private readonly params: Params['selection']
  private readonly placed: FeedCandidate[] = []

  constructor(params: Params['selection']) {
    this.params = params
  }

  place(candidate: FeedCandidate): void {
    this.placed.push(candidate)
  }

  /** Of those left, in their order, the ones that may stand next: all rules, else without the topic cap, else all; what
   *  was served lately only when nothing new is left. One pass: a page asks for each of its places. */
  allowed(left: readonly FeedCandidate[]): readonly FeedCandidate[] {
    const creators = new Set(this.lately(this.params.creatorSpacing).map((placed) => placed.entry.facts.creatorId))
    const capped = new Set<string>()
    for (const [topic, count] of this.topicCounts()) if (count >= this.params.hashtagCap) capped.add(topic)
    const kept: FeedCandidate[][] = Array.from({ length: tiers }, () => [])
    let best = tiers - 1
    for (const candidate of left) {
      const tier = tierOf(candidate, creators, capped)
      if (tier > best) continue
      best = tier
      kept[tier]!.push(candidate)
    }
    return kept[best]!
  }

  /** Entries among the last ten with each topic. */
  topicCounts(): ReadonlyMap<string, number> {
    const countByTopic = new Map<string, number>()
    for (const placed of this.lately(capWindow - 1)) {
      for (const topic of placed.entry.narrowTopics) countByTopic.set(topic, (countByTopic.get(topic) ?? 0) + 1)
    }
    return countByTopic
  }

  private lately(count: number): readonly FeedCandidate[] {
    return count === 0 ? [] : this.placed.slice(-count)
  }
}

/** 0 where every rule is kept, more the more of them give way. */
function tierOf(candidate: FeedCandidate, creators: ReadonlySet<string>, capped: ReadonlySet<string>): number {
  const served = candidate.again ? 3 : 0
  if (creators.has(candidate.entry.facts.creatorId)) return served + 2
  if (capped.size === 0) return served
  for (const topic of candidate.entry.narrowTopics) if (capped.has(topic)) return served + 1
  return served
}
