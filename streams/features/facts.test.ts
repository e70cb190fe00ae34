// Folds of the records about users and videos, histories, and content projection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InteractionsRecord, VideoEmbedded, VideoPublished } from '../../schemas/generated.ts'
import { actPart, pageFixture, startMs, watchFixture } from '../joiner/joiner-fixtures.ts'
import { contentDimension, projectContent } from './content-projection.ts'
import { seededUniform, videoFixture } from './feature-fixtures.ts'
import { emptyHistory, foldHistory, historyEntriesMax } from './history.ts'
import { foldUserFacts, unknownUser } from './user-facts.ts'
import { foldVideoFacts } from './video-facts.ts'

const times = { eventId: 'e', eventTimeMs: startMs, receivedTimeMs: startMs }

function published(changes: Partial<VideoPublished> = {}): VideoPublished {
  return {
    type: 'VideoPublished',
    ...times,
    videoId: 'v1',
    creatorId: 'c1',
    durationMs: 9_000,
    soundId: null,
    hashtags: ['#Cats', 'cats', ' dogs '],
    category: 'pets',
    language: 'en',
    region: null,
    ageRating: null,
    contentId: null,
    embedding: null,
    attributes: { tall: 1 },
    playback: null,
    ...changes,
  }
}

test('a video is what was published last, with its first time and its newest embedding', () => {
  const embedded: VideoEmbedded = { type: 'VideoEmbedded', ...times, videoId: 'v1', model: 'm', embedding: [1, 2, 3] }
  assert.equal(foldVideoFacts(null, embedded), null)
  const first = foldVideoFacts(null, published())!
  assert.deepEqual([first.hashtags, first.content], [['cats', 'dogs'], null])
  const second = foldVideoFacts(first, embedded)!
  const third = foldVideoFacts(second, published({ eventTimeMs: startMs + 5, durationMs: 8_000 }))!
  assert.deepEqual([third.publishedTimeMs, third.durationMs], [startMs, 8_000])
  assert.deepEqual(third.content, projectContent([1, 2, 3]))
  assert.equal(first.content, null)
})

test('a user is what the newest profile says, and nothing after an erasure', () => {
  const profile = { userId: 'u1', region: 'DE', language: 'de', birthYear: 1990, interests: ['cats'], attributes: {} }
  const joined = foldUserFacts(null, { type: 'UserJoined', ...times, ...profile })!
  assert.equal(joined.region, 'DE')
  const chosen = foldUserFacts(joined, { type: 'InterestsChosen', ...times, userId: 'u1', interests: ['cooking'] })!
  assert.deepEqual([chosen.interests, chosen.region, joined.interests], [['cooking'], 'DE', ['cats']])
  assert.deepEqual(
    foldUserFacts(null, { type: 'InterestsChosen', ...times, userId: 'u2', interests: [] }),
    unknownUser('u2'),
  )
  assert.equal(foldUserFacts(chosen, { type: 'UserErased', ...times, userId: 'u1' }), null)
})

test('a history is newest first, one entry a video, bounded, and never changed in place', () => {
  const video = videoFixture({ durationMs: 20_000 })
  const act = (
    type: 'VideoLiked' | 'NotInterested',
    eventId: string,
    atMs: number,
    withdrawn = false,
  ): InteractionsRecord =>
    type === 'VideoLiked'
      ? { type, ...actPart(eventId, atMs), withdrawn }
      : { type, ...actPart(eventId, atMs), reason: null, withdrawn }
  const watched = foldHistory(emptyHistory, watchFixture('w', 10), video)
  assert.deepEqual(watched.recent[0]!.hashtags, ['category:pets', 'cats', 'music'])
  assert.ok(watched.recent[0]!.completed)
  const liked = foldHistory(watched, act('VideoLiked', 'l', 20), video)
  assert.deepEqual([liked.recent.length, liked.recent[0]!.liked, watched.recent[0]!.liked], [1, true, false])
  const skipped = foldHistory(liked, watchFixture('s', 30, { videoId: 'v2', watchTimeMs: 500 }), null)
  assert.deepEqual(
    skipped.recent.map((entry) => [entry.videoId, entry.earlySkip]),
    [
      ['v2', true],
      ['v1', false],
    ],
  )
  const older = foldHistory(skipped, watchFixture('o', 20, { videoId: 'v3' }), null)
  assert.deepEqual(
    older.recent.map((entry) => entry.videoId),
    ['v2', 'v3', 'v1'],
  )
  const again = foldHistory(older, watchFixture('a', 40), video)
  assert.deepEqual([again.recent[0]!.videoId, again.recent[0]!.liked], ['v1', true])
  assert.ok(!foldHistory(again, act('VideoLiked', 'u', 50, true), video).recent[0]!.liked)
  assert.ok(foldHistory(again, act('NotInterested', 'n', 50), video).recent[0]!.notInterested)
  assert.equal(foldHistory(emptyHistory, act('VideoLiked', 'u', 50, true), video), emptyHistory)
  assert.equal(foldHistory(again, pageFixture('r', 60), video), again)
  assert.deepEqual(foldHistory(again, { type: 'InterestsReset', ...times, userId: 'u1' }, null), emptyHistory)
  let long = emptyHistory
  for (let index = 0; index < 100; index++)
    long = foldHistory(long, watchFixture(`w${index}`, index, { videoId: `v${index}` }), null)
  assert.deepEqual([long.recent.length, long.recent[0]!.videoId], [historyEntriesMax, 'v99'])
})

test('labels an import brings stand in the history too', () => {
  const given = watchFixture('w', 10, { watchTimeMs: 500, givenLabels: { complete: true, earlySkip: false } })
  const entry = foldHistory(emptyHistory, given, null).recent[0]!
  assert.deepEqual([entry.completed, entry.earlySkip, entry.creatorId], [true, false, null])
})

test('projected embeddings have unit length, keep angles, and depend on nothing else', () => {
  const uniform = seededUniform(5)
  const embedding = (dimension: number) => Array.from({ length: dimension }, () => uniform() - 0.5)
  for (const dimension of [1, 3, 64, 768, 1_024]) {
    const given = embedding(dimension)
    const projected = projectContent(given)!
    assert.equal(projected.length, contentDimension)
    assert.ok(Math.abs(projected.reduce((sum, value) => sum + value * value, 0) - 1) < 1e-5)
    const scaled = projectContent(given.map((value) => value * 8))!
    for (const [index, value] of projected.entries()) assert.ok(Math.abs(value - scaled[index]!) < 1e-6)
  }
  const base = embedding(768)
  const near = base.map((value) => value + 0.05 * (uniform() - 0.5))
  const cosine = (left: Float32Array, right: Float32Array) =>
    left.reduce((sum, value, index) => sum + value * right[index]!, 0)
  assert.ok(cosine(projectContent(base)!, projectContent(near)!) > 0.95)
  assert.ok(Math.abs(cosine(projectContent(base)!, projectContent(embedding(768))!)) < 0.5)
  for (const nothing of [null, [], [0, 0], [Number.NaN, 1], embedding(1_025)])
    assert.equal(projectContent(nothing), null)
})
