// What each source brings, and what it leaves alone.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rowId } from '../../../schemas/ids.ts'
import { encodeDeltaRows } from '../../../schemas/layouts/delta-rows.ts'
import { encodeFloats } from '../../../schemas/layouts/floats.ts'
import * as topics from '../../../schemas/topics.ts'
import { countColumnIndex, countDimension } from '../../../streams/features/count-columns.ts'
import { trendRowId } from '../../../streams/features/own-ids.ts'
import type { Source } from '../../pipeline/stages.ts'
import { FeedSession } from '../../view/feed-session.ts'
import type { FeedCandidate } from '../feed-candidate.ts'
import { type FeedQuery, feedQuery } from '../feed-query.ts'
import { profileQueryHydrator } from '../query-hydrators/profile-query-hydrator.ts'
import { vectorQueryHydrator } from '../query-hydrators/vector-query-hydrator.ts'
import { ShardWorld } from '../shard-world.ts'
import { followedCreatorsSource } from './followed-creators-source.ts'
import { freshSource } from './fresh-source.ts'
import { popularSource } from './popular-source.ts'
import { randomSource } from './random-source.ts'
import { similarSource } from './similar-source.ts'
import { topicsSource } from './topics-source.ts'
import { trendingSource } from './trending-source.ts'
import { twoTowerSource } from './two-tower-source.ts'

function queryOf(world: ShardWorld, fields: Parameters<ShardWorld['request']>[1] = {}): FeedQuery {
  const request = world.request('ann', fields)
  const query = feedQuery(request, world.view, new FeedSession(request.requestId, 7, request.feed, 10))
  profileQueryHydrator.hydrateQuery(query)
  query.features = world.view.features.readQuery(query.context)
  if (vectorQueryHydrator.enabled(query)) vectorQueryHydrator.hydrateQuery(query)
  return query
}

const brought = (source: Source<FeedQuery, FeedCandidate>, query: FeedQuery): string[] =>
  source.enabled(query) ? source.retrieve(query).map((candidate) => candidate.entry.videoId) : []

let version = 0
/** Sets rows of the counts model: likes in `trends`, outcomes in `totals`. */
function count(world: ShardWorld, rows: readonly { table: 'trends' | 'totals'; id: bigint; outcomes: number }[]): void {
  version++
  world.append(topics.deltasOf(topics.countsModel), {
    type: 'Delta',
    model: topics.countsModel,
    bucket: 0,
    epoch: 0,
    baseVersion: version - 1,
    version,
    trainedThrough: {},
    eventTimeMs: world.nowMs,
    receivedTimes: [],
    tables: rows.map(({ table, id, outcomes }) => {
      const values = new Float32Array(countDimension)
      values[countColumnIndex.outcomes] = outcomes
      values[countColumnIndex.complete] = outcomes
      const eventTimesMs = Float64Array.of(world.nowMs)
      const encoded = encodeDeltaRows({ ids: BigUint64Array.of(id), eventTimesMs, values }, false)
      return { table, dimension: countDimension, half: false, rows: encoded, tombstones: new Uint8Array(0) }
    }),
    dense: [],
    lineage: 0,
  })
}

function world(): ShardWorld {
  version = 0
  return new ShardWorld()
}

describe('sources', () => {
  test('trending: the region first, then everywhere, in order of engagement', () => {
    const made = world()
    made.join('ann', { region: 'DE' })
    for (let number = 0; number < 6; number++) made.publish(`v${number}`)
    count(made, [
      { table: 'trends', id: rowId('video', 'v1'), outcomes: 9 },
      { table: 'trends', id: rowId('video', 'v2'), outcomes: 5 },
      { table: 'trends', id: rowId('video', 'v3'), outcomes: 7 },
      { table: 'trends', id: trendRowId('DE', 'v2'), outcomes: 5 },
    ])
    assert.deepEqual(brought(trendingSource, queryOf(made)), ['v2', 'v1', 'v3'])
    made.watch('ann', 'v1', 1)
    made.takeDown('v3')
    assert.deepEqual(brought(trendingSource, queryOf(made)), ['v2'])
    // A region asked for later gets its list from what is trending everywhere.
    made.join('zoe', { region: 'FR' })
    count(made, [
      { table: 'trends', id: trendRowId('FR', 'v2'), outcomes: 1 },
      { table: 'trends', id: rowId('video', 'v2'), outcomes: 6 },
    ])
    assert.deepEqual(made.view.countView.trending.top('FR').length, 1)
  })

  test('fresh: newest first, until the trial is over', () => {
    const made = world()
    for (let number = 0; number < 4; number++) made.publish(`v${number}`)
    count(made, [{ table: 'totals', id: rowId('video', 'v2'), outcomes: 50 }])
    assert.deepEqual(brought(freshSource, queryOf(made)), ['v3', 'v1', 'v0'])
    made.nowMs += 8 * 24 * 3_600_000
    made.publish('v4')
    assert.deepEqual(brought(freshSource, queryOf(made)), ['v4'])
  })

  test('similar: by content until there are vectors, then by vectors', () => {
    const made = world()
    made.publish('cat', { embedding: [1, 0, 0] })
    made.publish('dog', { embedding: [0, 1, 0] })
    made.publish('kitten', { embedding: [0.9, 0.1, 0] })
    assert.deepEqual(brought(similarSource, queryOf(made)), [])
    made.watch('ann', 'cat', 1)
    assert.deepEqual(brought(similarSource, queryOf(made)), ['kitten', 'dog'])
    vectors(made, 1, { cat: 0, dog: 0, kitten: 1 })
    assert.deepEqual(brought(similarSource, queryOf(made)), ['dog', 'kitten'])
  })

  test('two towers: index and query tower change together', () => {
    const made = world()
    for (const id of ['a', 'b']) made.publish(id)
    assert.deepEqual(brought(twoTowerSource, queryOf(made)), [])
    vectors(made, 1, { a: 0, b: 1 })
    assert.deepEqual(brought(twoTowerSource, queryOf(made)), ['a', 'b'])
    put(made, 2, 'a', 1)
    put(made, 2, 'b', 0)
    assert.equal(made.view.vectors.generation, 1)
    put(made, 1, 'b', 63)
    assert.equal(made.view.vectors.index.vectorOf(made.view.catalog.numberOf('b')!)![63], 1)
    vectors(made, 2, {})
    assert.equal(made.view.vectors.generation, 2)
    assert.deepEqual(made.view.vectors.index.size, 2)
    put(made, 2, 'b', null)
    assert.deepEqual(brought(twoTowerSource, queryOf(made)), ['a'])
    put(made, 1, 'b', 0)
    assert.deepEqual(brought(twoTowerSource, queryOf(made)), ['a'])
  })

  test('two towers: what was shown more of late comes first, where the towers leave that out', () => {
    const made = new ShardWorld({
      view: {
        encoderOf: () => ({ dimension: 64, priorScale: 0.1, encodeQuery: () => new Float32Array(64).fill(1 / 8) }),
      },
    })
    version = 0
    for (const id of ['a', 'b', 'c']) made.publish(id)
    vectors(made, 1, { a: 0, b: 1, c: 2 })
    assert.deepEqual(brought(twoTowerSource, queryOf(made)), ['a', 'b', 'c'])
    count(made, [
      { table: 'trends', id: rowId('video', 'c'), outcomes: 9 },
      { table: 'trends', id: rowId('video', 'b'), outcomes: 5 },
    ])
    assert.deepEqual(brought(twoTowerSource, queryOf(made)), ['c', 'b', 'a'])
    made.takeDown('c')
    assert.deepEqual(brought(twoTowerSource, queryOf(made)), ['b', 'a'])
  })

  test('followed creators: newest first over all of them, until unfollowed', () => {
    const made = world()
    for (let number = 0; number < 6; number++) made.publish(`v${number}`, { creatorId: `c${number % 3}` })
    made.follow('ann', 'c0')
    made.follow('ann', 'c2')
    assert.deepEqual(brought(followedCreatorsSource, queryOf(made)), ['v5', 'v3', 'v2', 'v0'])
    made.follow('ann', 'c2', true)
    assert.deepEqual(brought(followedCreatorsSource, queryOf(made)), ['v3', 'v0'])
  })

  test('topics: more of what was answered well, little of what was not', () => {
    const made = world()
    for (let number = 0; number < 90; number++) made.publish(`v${number}`, { hashtags: [`tag${number % 3}`] })
    for (const number of [0, 3, 6]) made.watch('ann', `v${number}`, 1)
    for (const number of [1, 4, 7]) made.watch('ann', `v${number}`, 0.02)
    const found = brought(topicsSource, queryOf(made))
    const ofTag = (tag: number) => found.filter((id) => Number(id.slice(1)) % 3 === tag).length
    assert.ok(ofTag(0) >= 10, `${ofTag(0)} of the liked topic`)
    assert.equal(ofTag(1), 0)
    assert.equal(ofTag(2), 2)
  })

  test('topics: an interest picked at the start counts before any swipe', () => {
    const made = world()
    for (let number = 0; number < 60; number++) made.publish(`v${number}`, { category: `kind${number % 20}` })
    made.join('ann', { interests: ['kind7'] })
    const found = brought(topicsSource, queryOf(made))
    assert.deepEqual(new Set(found.slice(0, 3)), new Set(['v7', 'v27', 'v47']))
  })

  test('random: anything unseen, for a new user only', () => {
    const made = world()
    for (let number = 0; number < 40; number++) made.publish(`v${number}`)
    const found = brought(randomSource, queryOf(made))
    assert.equal(new Set(found).size, found.length)
    assert.ok(found.length > 0)
    made.policy('scoring', { coldOutcomes: 1 })
    for (let number = 0; number < 5; number++) made.watch('ann', `v${number}`, 1)
    assert.deepEqual(brought(randomSource, queryOf(made)), [])
  })

  test('popular: engaged with first, then anything until enough', () => {
    const made = world()
    for (let number = 0; number < 20; number++) made.publish(`v${number}`)
    count(made, [
      { table: 'trends', id: rowId('video', 'v9'), outcomes: 9 },
      { table: 'trends', id: rowId('video', 'v4'), outcomes: 5 },
    ])
    const found = brought(popularSource, queryOf(made))
    assert.deepEqual(found.slice(0, 2), ['v9', 'v4'])
    assert.equal(new Set(found).size, 20)
  })
})

/** One-hot vectors, so that the even query is as near to one as to another and ties go by number. */
function put(made: ShardWorld, generation: number, videoId: string, hot: number | null): void {
  const vector =
    hot === null ? new Uint8Array(0) : encodeFloats(Float32Array.from({ length: 64 }, (_, at) => (at === hot ? 1 : 0)))
  made.append(topics.vectorsOf('foryou'), { type: 'ItemVector', videoId, generation, vector, eventTimeMs: made.nowMs })
}

function vectors(made: ShardWorld, generation: number, hotByVideo: Record<string, number>): void {
  for (const [videoId, hot] of Object.entries(hotByVideo)) put(made, generation, videoId, hot)
  made.append(topics.vectorsOf('foryou'), {
    type: 'GenerationReady',
    generation,
    videos: 2,
    eventTimeMs: made.nowMs,
    dense: [],
  })
}
