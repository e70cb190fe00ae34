// Videos of topics that this user answers well, and of some not met yet: what a first model cannot know, the user's own
// last swipes do.
import type { Source } from '../../pipeline/stages.ts'
import { type FeedCandidate, feedCandidate } from '../feed-candidate.ts'
import type { FeedQuery } from '../feed-query.ts'
import { eligible } from '../filters/eligible.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { beliefOf, coldnessOf, meanOf, priorMean } from '../topic-beliefs.ts'

const likedTopicsMax = 10
/** Most topics of which something is tried at one page. */
const unmetTopicsMax = 24
const perUnmetTopic = 2
/** Videos of a topic looked at for each one wanted. */
const lookedAtPerWanted = 6

export const topicsSource: Source<FeedQuery, FeedCandidate> = {
  name: 'topics',
  enabled: ({ params }) => params.retrieval.topics > 0,
  retrieve(query) {
    const limit = query.params.retrieval.topics
    const random = query.random('topics-source')
    const found = new Map<number, FeedCandidate>()
    const liked = likedTopics(query)
    const unmetShare = Math.min(unmetTopicsMax * perUnmetTopic, Math.ceil((limit * coldnessOf(query)) / 2))
    const perLiked = Math.ceil((limit - unmetShare) / Math.max(3, liked.length))
    for (const topic of liked) take(query, topic, perLiked, random, found)
    for (const topic of unmetTopics(query, Math.ceil(unmetShare / perUnmetTopic), random)) {
      if (found.size >= limit) break
      take(query, topic, perUnmetTopic, random, found)
    }
    return [...found.values()]
  },
}

/** Best first: picked by the user or answered better than an unknown topic would be. */
function likedTopics(query: FeedQuery): string[] {
  const names = new Set(query.user.facts.interests.flatMap((interest) => [interest, `category:${interest}`]))
  for (const [topic] of query.user.topics.topics()) names.add(topic)
  const prior = priorMean(query)
  return [...names]
    .map((topic) => ({ topic, mean: meanOf(beliefOf(query, topic)) }))
    .filter(({ topic, mean }) => mean > prior && query.view.catalog.byTopic(topic).length > 0)
    .sort((left, right) => right.mean - left.mean || (left.topic < right.topic ? -1 : 1))
    .slice(0, likedTopicsMax)
    .map(({ topic }) => topic)
}

function unmetTopics(query: FeedQuery, count: number, random: SeededRandom): string[] {
  const { catalog } = query.view
  const topics = catalog.topicNames
  const found = new Set<string>()
  for (let tries = 0; tries < count * 4 && found.size < count && topics.length > 0; tries++) {
    const topic = topics[random.below(topics.length)]!
    if (query.user.topics.evidenceOf(topic) === null && catalog.byTopic(topic).length > 0) found.add(topic)
  }
  return [...found]
}

/** Walks a topic's videos from a drawn place, so that pages differ and the newest do not always win. */
function take(
  query: FeedQuery,
  topic: string,
  wanted: number,
  random: SeededRandom,
  found: Map<number, FeedCandidate>,
): void {
  const indexes = query.view.catalog.byTopic(topic)
  const start = random.below(indexes.length)
  const looks = Math.min(indexes.length, wanted * lookedAtPerWanted)
  let taken = 0
  for (let look = 0; look < looks && taken < wanted; look++) {
    const index = indexes[(start + look) % indexes.length]!
    const entry = found.has(index) ? null : eligible(query, index)
    if (entry === null) continue
    found.set(index, feedCandidate(entry, 'topics'))
    taken++
  }
}
