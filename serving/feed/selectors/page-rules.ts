// What may stand next on a page: creators apart, no topic everywhere. Rules give way in a stated order rather than leave
// a page short.
import type { FeedCandidate } from '../feed-candidate.ts'
import type { Params } from '../params.ts'

/** Topic caps are counted over this many entries back. */
const capWindow = 10

export class PageRules {
  private readonly params: Params['selection']
  private readonly placed: FeedCandidate[] = []

  constructor(params: Params['selection']) {
    this.params = params
  }

  place(candidate: FeedCandidate): void {
    this.placed.push(candidate)
  }

  /** Of those left, the ones that may stand next: all rules, else without the topic cap, else all; what was served
   *  lately only when nothing new is left. */
  allowed(left: readonly FeedCandidate[]): readonly FeedCandidate[] {
    const unserved = left.filter((candidate) => !candidate.again)
    const candidates = unserved.length > 0 ? unserved : left
    const { creatorSpacing, hashtagCap } = this.params
    const creators = new Set(this.lately(creatorSpacing).map((placed) => placed.entry.facts.creatorId))
    const apart = candidates.filter((candidate) => !creators.has(candidate.entry.facts.creatorId))
    const countByTopic = this.topicCounts()
    const capped = apart.filter((candidate) =>
      cappedTopics(candidate).every((topic) => (countByTopic.get(topic) ?? 0) < hashtagCap),
    )
    if (capped.length > 0) return capped
    return apart.length > 0 ? apart : candidates
  }

  /** Entries among the last ten with each topic. */
  topicCounts(): ReadonlyMap<string, number> {
    const countByTopic = new Map<string, number>()
    for (const placed of this.lately(capWindow - 1)) {
      for (const topic of cappedTopics(placed)) countByTopic.set(topic, (countByTopic.get(topic) ?? 0) + 1)
    }
    return countByTopic
  }

  private lately(count: number): readonly FeedCandidate[] {
    return count === 0 ? [] : this.placed.slice(-count)
  }
}

/** Hashtags where there are any: categories are wide, and a page may well stay in one. */
export function cappedTopics(candidate: FeedCandidate): readonly string[] {
  const { topics } = candidate.entry
  const hashtags = topics.filter((topic) => !topic.startsWith('category:'))
  return hashtags.length > 0 ? hashtags : topics
}
