// What one user's outcomes say of each topic, in likes and dislikes as a Beta posterior counts them: the evidence of the
// first minutes, before a model knows the user. Bounded; evidence is folded from `interactions` in its order.
import { BoundedMap } from './bounded-map.ts'

export interface TopicEvidence {
  likes: number
  dislikes: number
}

/** How one view of a video ended. */
export interface TopicOutcome {
  readonly watchRatio: number
  /** Complete, or a long view. */
  readonly held: boolean
  readonly earlySkip: boolean
}

/** A skip under two seconds says more than a view that ends half way: it judged the topic, not the ending. */
const earlySkipDislikes = 1.5
const heldLikes = 1
const explicitLikes = 1
const refusalDislikes = 3

export class TopicOutcomes {
  private readonly evidenceByTopic: BoundedMap<string, TopicEvidence>
  /** Views that ended. */
  outcomes = 0
  /** Early skips since the last other outcome. */
  earlySkipRun = 0

  constructor(topicsMax: number) {
    this.evidenceByTopic = new BoundedMap(topicsMax)
  }

  evidenceOf(topic: string): Readonly<TopicEvidence> | null {
    return this.evidenceByTopic.get(topic) ?? null
  }

  topics(): IterableIterator<[string, Readonly<TopicEvidence>]> {
    return this.evidenceByTopic.entries()
  }

  viewed(topics: readonly string[], outcome: TopicOutcome): void {
    this.outcomes++
    this.earlySkipRun = outcome.earlySkip ? this.earlySkipRun + 1 : 0
    if (outcome.held) this.add(topics, heldLikes, 0)
    else if (outcome.earlySkip) this.add(topics, 0, earlySkipDislikes)
    else {
      const ratio = Math.min(1, Math.max(0, outcome.watchRatio))
      this.add(topics, ratio / 2, 1 - ratio)
    }
  }

  /** A like, a share, a save, a comment, or its withdrawal. */
  approved(topics: readonly string[], sign: 1 | -1): void {
    this.add(topics, sign * explicitLikes, 0)
  }

  refused(topics: readonly string[], sign: 1 | -1): void {
    this.add(topics, 0, sign * refusalDislikes)
  }

  clear(): void {
    this.evidenceByTopic.clear()
    this.outcomes = 0
    this.earlySkipRun = 0
  }

  private add(topics: readonly string[], likes: number, dislikes: number): void {
    for (const topic of topics) {
      const evidence = this.evidenceByTopic.get(topic) ?? { likes: 0, dislikes: 0 }
      evidence.likes = Math.max(0, evidence.likes + likes)
      evidence.dislikes = Math.max(0, evidence.dislikes + dislikes)
      if (evidence.likes + evidence.dislikes > 0) this.evidenceByTopic.set(topic, evidence)
      else this.evidenceByTopic.delete(topic)
    }
  }
}
