// The view's folds: bounded, idempotent, and unmoved by records they cannot use.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as topics from '../../schemas/topics.ts'
import { offsetOf } from '../../streams/log/log.ts'
import { partitionForKey } from '../../streams/log/murmur2.ts'
import { replica } from '../../trainers/model/replica.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { mapTable } from '../../trainers/table/map-table.ts'
import { evenScorer, ShardWorld, videoIdsOf } from '../feed/shard-world.ts'
import { Catalog } from './catalog.ts'
import { freshnessHistogram } from './freshness-histogram.ts'
import { PolicyBook } from './policy-book.ts'
import { StampWaiters } from './stamp-waiters.ts'
import { UserView } from './user-view.ts'
import { defaultViewLimits } from './view-limits.ts'

describe('view', () => {
  test('a record given twice takes effect once', () => {
    const world = new ShardWorld()
    world.publish('a', { hashtags: ['x'] })
    world.watch('ann', 'a', 1)
    const before = world.view.userOf('ann').topics.evidenceOf('x')
    for (const recorded of world.records) assert.equal(world.view.apply(recorded), 'stale')
    assert.deepEqual(world.view.userOf('ann').topics.evidenceOf('x'), before)
    assert.equal(world.view.userOf('ann').topics.outcomes, 1)
  })

  test('a record that cannot be folded is counted and the next one is', () => {
    const world = new ShardWorld()
    world.publish('a')
    const broken = { ...world.records[0]!, offset: offsetOf(1), record: { type: 'VideoPublished' } as never }
    assert.equal(world.view.apply(broken), 'bad')
    assert.equal(world.view.badRecords.count, 1)
    assert.equal(world.view.nextOf(topics.videos, 0), 2)
  })

  test('a user’s rows are read from the bucket of the user’s partition', async () => {
    const asked: number[] = []
    const score: typeof evenScorer.score = (query, entries, similarities, userBucket) => {
      asked.push(userBucket!)
      return evenScorer.score(query, entries, similarities)
    }
    const model = replica(foryouSpec, mapTable, { buckets: 4 })
    const world = new ShardWorld({ scorer: { ...evenScorer, score }, view: { model, userPartitions: 8 } })
    world.publish('a')
    const users = Array.from({ length: 20 }, (_, number) => `user ${number}`)
    for (const user of users) await world.page(user)
    assert.deepEqual(
      asked,
      users.map((user) => partitionForKey(user, 8) % 3),
    )
    assert.equal(new Set(asked).size, 3)
  })

  test('users are bounded: the least recently active leaves', () => {
    const world = new ShardWorld({ view: { limits: { usersMax: 2 } } })
    world.publish('a')
    for (const user of ['ann', 'bob', 'ann', 'eve']) world.watch(user, 'a', 1)
    assert.equal(world.view.residentUsers, 2)
    assert.equal(world.view.users.evicted, 1)
    assert.equal(world.view.userOf('bob').history.recent.length, 0)
    assert.equal(world.view.userOf('ann').history.recent.length, 1)
  })

  test('pages are bounded: the oldest is forgotten, and its cursor says so', async () => {
    const world = new ShardWorld({ view: { limits: { pagesMax: 2 } } })
    for (let number = 0; number < 40; number++) world.publish(`v${number}`)
    const first = await world.page('ann', { limit: 5 })
    let cursor = first.cursor
    for (let page = 0; page < 3; page++) cursor = (await world.page('ann', { limit: 5, cursor })).cursor
    const outcome = await world.shard.feed(world.request('ann', { cursor: first.cursor }))
    assert.equal(outcome.status, 'bad-cursor')
    assert.equal(await world.shard.explain(first.requestId), null)
    assert.equal(world.view.pages.size, 2)
  })

  test('seen videos are bounded and remembered across a republication', async () => {
    const limits = { ...defaultViewLimits, seenMax: 2 }
    const world = new ShardWorld({ view: { limits } })
    for (const id of ['a', 'b', 'c']) world.publish(id)
    for (const id of ['a', 'b', 'c']) world.watch('ann', id, 1)
    world.publish('c', { hashtags: ['again'] })
    assert.deepEqual(videoIdsOf(await world.page('ann')), ['a'])
  })

  test('what was seen before it was published stays seen', async () => {
    const world = new ShardWorld()
    world.publish('b')
    world.watch('ann', 'a', 1)
    world.publish('a')
    assert.deepEqual(videoIdsOf(await world.page('ann')), ['b'])
  })

  test('a reset of interests forgets tastes, not what was seen', async () => {
    const world = new ShardWorld()
    for (const id of ['a', 'b']) world.publish(id, { hashtags: ['x'] })
    world.watch('ann', 'a', 1)
    world.refuse('ann', 'a')
    const event = { eventId: 'reset', eventTimeMs: world.nowMs, receivedTimeMs: world.nowMs, userId: 'ann' }
    world.append(topics.interactions, { type: 'InterestsReset', ...event })
    const user = world.view.userOf('ann')
    assert.deepEqual([user.history.recent.length, user.topics.outcomes, user.lessOf.isEmpty], [0, 0, true])
    assert.deepEqual(videoIdsOf(await world.page('ann')), ['b'])
  })
})

describe('catalog', () => {
  test('refuses publications beyond its bound and counts them, never a video it knows', () => {
    const world = new ShardWorld({ view: { limits: { videosMax: 2, unpublishedMax: 1 } } })
    for (const id of ['a', 'b', 'c']) world.publish(id)
    world.publish('b', { hashtags: ['new'] })
    const { catalog } = world.view
    assert.deepEqual([catalog.servable, catalog.refused], [2, 1])
    assert.deepEqual(catalog.byTopic('new').length, 1)
    assert.equal(catalog.byId('c'), null)
    assert.notEqual(catalog.numberOf('x'), null)
    assert.equal(catalog.numberOf('y'), null)
  })

  test('lists stay in order of publication through changes', () => {
    const world = new ShardWorld()
    for (const id of ['a', 'b', 'c']) world.publish(id, { creatorId: 'carl', hashtags: ['x'] })
    const ids = () => world.view.catalog.byCreator('carl').map((index) => world.view.catalog.at(index)!.videoId)
    assert.deepEqual(ids(), ['c', 'b', 'a'])
    world.publish('b', { creatorId: 'cora', hashtags: ['y'] })
    assert.deepEqual(ids(), ['c', 'a'])
    assert.equal(world.view.catalog.byTopic('x').length, 2)
    world.takeDown('a')
    assert.equal(world.view.catalog.servable, 2)
  })

  test('gives numbers once', () => {
    const catalog = new Catalog(defaultViewLimits)
    assert.equal(catalog.numberOf('a'), 0)
    assert.equal(catalog.numberOf('b'), 1)
    assert.equal(catalog.numberOf('a'), 0)
    assert.equal(catalog.servableAt(0), null)
  })
})

describe('parts of the view', () => {
  test('policies: versions are kept, refusals counted', () => {
    const book = new PolicyBook(3)
    const change = (name: string, value: string, next: number) =>
      book.apply(
        { type: 'PolicyChanged', eventId: '', eventTimeMs: 0, receivedTimeMs: 0, name, value, by: null, comment: null },
        next,
      )
    change('ranking', '{"like":5}', 1)
    change('ranking', 'not json', 2)
    change('ranking', '{"like":99}', 3)
    assert.equal(book.refusedCount, 2)
    assert.equal(book.version, 3)
    assert.equal(book.paramsOf(1)!.ranking.like, 5)
    assert.equal(book.paramsOf(0), null)
  })

  test('waiters wake when their offset is passed, or when they are let go', async () => {
    const waiters = new StampWaiters()
    const ended = new AbortController()
    const woken: string[] = []
    const waits = [
      waiters.wait('p', 2, ended.signal).then(() => woken.push('two')),
      waiters.wait('p', 5, ended.signal).then(() => woken.push('five')),
    ]
    waiters.advanced('p', 1)
    waiters.advanced('p', 3)
    await waits[0]
    assert.deepEqual(woken, ['two'])
    ended.abort()
    await Promise.all(waits)
    assert.deepEqual(woken, ['two', 'five'])
  })

  test('freshness: quantiles are at most an eighth too high', () => {
    const histogram = freshnessHistogram()
    assert.equal(histogram.quantile(0.5), null)
    for (let ageMs = 1; ageMs <= 1_000; ageMs++) histogram.record(ageMs, 1)
    for (const share of [0.1, 0.5, 0.99]) {
      const ratio = histogram.quantile(share)! / (share * 1_000)
      assert.ok(ratio >= 0.99 && ratio <= 1.13, `${share}: ${ratio}`)
    }
    histogram.record(-5, 1)
    histogram.record(1e15, 1)
    assert.equal(histogram.examples, 1_002)
    assert.equal(
      histogram.counts().reduce((sum, bin) => sum + bin.examples, 0),
      1_002,
    )
  })

  test('a user nobody knows is empty', () => {
    const user = new UserView('ann', defaultViewLimits)
    assert.equal(user.facts.userId, 'ann')
    assert.equal(user.hasBlocked('carl'), false)
    assert.equal(user.heldSinceMs(0), null)
  })
})
