// Hand-made rows come out as the events they stand for, in time order, with ids that only depend on the row.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encode } from '../../../schemas/codec.ts'
import { type ImportedEngagement, type TimelineEvent, unknownCreator } from './imported-events.ts'
import { watchTimeMsMax } from './imported-row.ts'
import { creatorsOf, kuairandTimeline, userJoined, videoPublished } from './kuairand-events.ts'
import type { LogRow, VideoRow } from './kuairand-reader.ts'

const quiet: LogRow = {
  userId: 'u1',
  videoId: 'v1',
  timeMs: 1_000,
  click: false,
  like: false,
  follow: false,
  comment: false,
  forward: false,
  hate: false,
  longView: false,
  playTimeMs: 500,
  durationMs: 10_000,
  tab: '1',
}
const video: VideoRow = {
  videoId: 'v1',
  authorId: 'a1',
  musicId: 'm1',
  durationMs: 10_000,
  uploadTimeMs: 5,
  tags: ['3', '8'],
  attributes: { video_type: 'NORMAL', server_width: 720, server_height: 1440 },
}
const creatorOf = creatorsOf([video])

function timeline(rows: LogRow[], repeats: 'keep' | 'drop' = 'keep'): TimelineEvent[] {
  return [...kuairandTimeline(rows, { creatorOf, repeats })]
}

function onlyView(row: Partial<LogRow>): ImportedEngagement {
  const events = timeline([{ ...quiet, ...row }])
  const last = events.at(-1)!
  assert.ok(last.kind === 'engagement')
  return last.record
}

const timeOf = (event: TimelineEvent) =>
  event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs

test('a row is an impression, then what the user did, the view end last', () => {
  const row = { ...quiet, like: true, follow: true, comment: true, forward: true, hate: true }
  const [impression, ...rest] = timeline([row])
  assert.ok(impression?.kind === 'impression')
  assert.deepEqual(
    [impression.userId, impression.videoId, impression.creatorId, impression.surface, impression.impressionTimeMs],
    ['u1', 'v1', 'a1', 'tab1', 1_000],
  )
  const records = rest.map((event) => {
    assert.ok(event.kind === 'engagement')
    return event.record
  })
  assert.deepEqual(
    records.map((record) => record.type),
    ['VideoLiked', 'CreatorFollowed', 'VideoCommented', 'VideoShared', 'NotInterested', 'VideoSkipped'],
  )
  for (const record of records) {
    assert.equal(record.requestId, impression.requestId)
    assert.equal(record.eventTimeMs, 1_500)
    assert.ok(encode(record).length > 0)
  }
  assert.equal(new Set(records.map((record) => record.eventId)).size, records.length)
})

test('the labels that the log brings go with the view end', () => {
  const view = onlyView({ longView: true, like: true, forward: true, hate: true })
  assert.ok(view.type === 'VideoWatched')
  assert.deepEqual(view.givenLabels, {
    longView: true,
    like: true,
    follow: false,
    comment: false,
    share: true,
    notInterested: true,
  })
})

test('watched or skipped: shorter than the video and no long view is a skip', () => {
  assert.equal(onlyView({ playTimeMs: 9_999 }).type, 'VideoSkipped')
  assert.equal(onlyView({ playTimeMs: 10_000 }).type, 'VideoWatched')
  assert.equal(onlyView({ playTimeMs: 2_000, longView: true }).type, 'VideoWatched')
  const unknown = onlyView({ playTimeMs: 2_000, durationMs: 0 })
  assert.ok(unknown.type === 'VideoWatched')
  assert.deepEqual([unknown.completed, unknown.replays], [false, 0])
})

test('impossible watch times are clipped, long videos may be watched whole', () => {
  const wild = onlyView({ playTimeMs: 2_000_000_000, durationMs: 10_000 })
  assert.ok(wild.type === 'VideoWatched')
  assert.deepEqual([wild.watchTimeMs, wild.completed, wild.replays], [watchTimeMsMax, true, 20])
  const long = onlyView({ playTimeMs: 3_600_000, durationMs: 3_600_000 })
  assert.ok(long.type === 'VideoWatched')
  assert.equal(long.watchTimeMs, 3_600_000)
})

test('a repeated row repeats every event id, or is dropped', () => {
  const rows = [quiet, { ...quiet, userId: 'u2' }, quiet]
  const kept = timeline(rows)
  const ids = kept.map((event) => (event.kind === 'impression' ? event.eventId : event.record.eventId))
  assert.equal(ids.length, 6)
  assert.equal(new Set(ids).size, 4)
  assert.equal(timeline(rows, 'drop').length, 4)
})

test('a video nobody described has an unknown creator', () => {
  const [impression] = timeline([{ ...quiet, videoId: 'elsewhere' }])
  assert.ok(impression?.kind === 'impression')
  assert.equal(impression.creatorId, unknownCreator)
})

const someRow = fc.record({
  userId: fc.constantFrom('u1', 'u2', 'u3'),
  videoId: fc.constantFrom('v1', 'v2'),
  timeMs: fc.nat(200),
  playTimeMs: fc.nat(100),
  like: fc.boolean(),
  longView: fc.boolean(),
})

test('whatever the rows, times never go back, an impression precedes its engagements, and nothing is lost', () => {
  fc.assert(
    fc.property(fc.array(someRow), (drawn) => {
      const rows = drawn.map((part) => ({ ...quiet, ...part }))
      const events = timeline(rows)
      let nowMs = 0
      const shown = new Set<string>()
      for (const event of events) {
        assert.ok(timeOf(event) >= nowMs)
        nowMs = timeOf(event)
        if (event.kind === 'impression') shown.add(event.requestId)
        else assert.ok(shown.has(event.record.requestId!))
      }
      // A repeat says what the first of its kind says.
      const likeByView = new Map<string, boolean>()
      const liked = rows.filter(({ userId, videoId, timeMs, like }) => {
        const view = `${userId} ${videoId} ${timeMs}`
        if (!likeByView.has(view)) likeByView.set(view, like)
        return likeByView.get(view)
      })
      assert.equal(events.length, 2 * rows.length + liked.length)
    }),
  )
})

test('profiles and videos become events that fit their schemas', () => {
  const joined = userJoined({ userId: 'u1', attributes: { register_days: 3, fans_user_num_range: '0' } }, 77)
  assert.deepEqual([joined.eventTimeMs, joined.attributes], [77, { register_days: 3, fans_user_num_range: '0' }])
  assert.ok(encode(joined).length > 0)
  const published = videoPublished(video, 77)
  assert.deepEqual(
    [published.creatorId, published.soundId, published.hashtags, published.durationMs, published.eventTimeMs],
    ['a1', 'm1', ['3', '8'], 10_000, 5],
  )
  assert.equal(published.attributes.aspect, 0.5)
  assert.ok(encode(published).length > 0)
  assert.equal(videoPublished({ ...video, uploadTimeMs: null }, 77).eventTimeMs, 77)
})
