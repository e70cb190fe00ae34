// A new user with hidden tastes, over a catalog of forty topics and without any trained model: after about thirty swipes
// the page is mostly what they like.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom } from './seeded-random.ts'
import { ShardWorld } from './shard-world.ts'

const topicsCount = 40
const likedCount = 8
const pageSize = 10

/** Share of the entries of each page whose topic the user likes. */
async function likedShares(seed: number, pages: number, hashtagsPerVideo: number): Promise<number[]> {
  const random = seededRandom(`tastes ${seed}`)
  const world = new ShardWorld()
  for (let number = 0; number < 2_000; number++) {
    const hashtags = Array.from({ length: hashtagsPerVideo }, () => `topic${random.below(topicsCount)}`)
    world.publish(`v${number}`, { creatorId: `c${random.below(300)}`, hashtags })
  }
  const liked = new Set<string>()
  while (liked.size < likedCount) liked.add(`topic${random.below(topicsCount)}`)
  const shares: number[] = []
  let cursor: string | null = null
  for (let number = 0; number < pages; number++) {
    const page = await world.page('ann', { cursor, seed, limit: pageSize })
    cursor = page.cursor
    let pleasing = 0
    for (const entry of page.entries) {
      const { hashtags } = world.view.catalog.byId(entry.videoId)!.facts!
      const pleases = hashtags.some((hashtag) => liked.has(hashtag))
      if (pleases) pleasing++
      // One in ten answers is not what the taste says.
      const answersSo = random.uniform() < 0.9 ? pleases : !pleases
      world.watch('ann', entry.videoId, answersSo ? 1 : 0.04, page.requestId)
      world.nowMs += 5_000
    }
    shares.push(pleasing / page.entries.length)
  }
  return shares
}

describe('cold start', () => {
  for (const hashtagsPerVideo of [1, 2]) {
    test(`most of the page pleases after thirty swipes, with ${hashtagsPerVideo} hashtags a video`, async () => {
      const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
      const runs = await Promise.all(seeds.map((seed) => likedShares(seed, 6, hashtagsPerVideo)))
      const at = (page: number): number => runs.reduce((sum, shares) => sum + shares[page]!, 0) / runs.length
      const curve = [0, 1, 2, 3, 4, 5].map((page) => at(page).toFixed(2)).join(' ')
      assert.ok((at(3) + at(4)) / 2 >= 0.6, curve)
      assert.ok(at(5) >= 0.6, curve)
    })
  }
})
