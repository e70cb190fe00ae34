// A swipe ends in exactly one view end, and what is liked more is watched longer, liked more and skipped less.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from './seeded-random.ts'
import { type SwipeEvent, swipe } from './swipe.ts'

const shown = { userId: 'u', videoId: 'v', creatorId: 'c', requestId: 'r', position: 3, durationMs: 20_000 }

function many(affinity: number): SwipeEvent[][] {
  const random = seededRandom(11)
  return Array.from({ length: 4_000 }, () => swipe(shown, affinity, random))
}

const share = (swipes: SwipeEvent[][], test: (event: SwipeEvent) => boolean) =>
  swipes.filter((events) => events.some(test)).length / swipes.length

test('the view end is the last event and there is one', () => {
  for (const events of [0, 0.1, 0.5, 1].flatMap(many)) {
    const ends = events.filter((event) => event.type === 'VideoWatched' || event.type === 'VideoSkipped')
    assert.equal(ends.length, 1)
    assert.equal(events.at(-1), ends[0])
    for (const event of events) assert.deepEqual([event.videoId, event.requestId, event.position], ['v', 'r', 3])
    assert.ok(Number.isInteger(ends[0]!.watchTimeMs) && Number(ends[0]!.watchTimeMs) >= 0)
  }
})

test('liking a video more shows in every sign of it', () => {
  const cold = many(0.1)
  const warm = many(0.9)
  const early = (event: SwipeEvent) => event.type === 'VideoSkipped' && Number(event.watchTimeMs) < 2_000
  const finished = (event: SwipeEvent) => event.type === 'VideoWatched'
  const liked = (event: SwipeEvent) => event.type === 'VideoLiked'
  assert.ok(share(cold, early) > 0.5 && share(warm, early) < 0.05)
  assert.ok(share(cold, finished) < 0.15 && share(warm, finished) > 0.8)
  assert.ok(share(cold, liked) < 0.02 && share(warm, liked) > 0.15)
})

test('the same seed swipes the same', () => {
  assert.deepEqual(many(0.4), many(0.4))
})
