// What scorers and selectors make of a page.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { heads } from '../../schemas/labels.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import type { Scorer } from '../../trainers/model/model.ts'
import { ShardWorld, videoIdsOf } from './shard-world.ts'

const features = featureSet(defaultFeatures)
const likeHead = heads.indexOf('like')
const durationAt = features.entry.denseIndexByName.get('logDuration')!

/** Likes long videos: what the scorer says is what the features hold. */
const longLover: Scorer = {
  headNames: heads,
  score(_query, entries) {
    const out = new Float32Array(entries.length * heads.length)
    entries.forEach((entry, row) => {
      out[row * heads.length + likeHead] = entry.dense[durationAt]!
    })
    return out
  },
}

const exploit = { epsilonCold: 0, epsilonFloor: 0, epsilonAfterSkips: 0 }

function plainWorld(videos: number, scorer?: Scorer): ShardWorld {
  const world = new ShardWorld(scorer ? { scorer, features } : { features })
  for (let number = 0; number < videos; number++) {
    world.publish(`v${number}`, { durationMs: 1_000 * (1 + ((number * 7) % videos)), hashtags: [`tag${number}`] })
  }
  world.policy('exploration', exploit)
  return world
}

describe('For You pages', () => {
  test('stand in the order of the model, weighted by policy', async () => {
    const world = plainWorld(30, longLover)
    const durations = (ids: string[]) => ids.map((id) => world.view.catalog.byId(id)!.facts!.durationMs)
    const best = durations(videoIdsOf(await world.page('ann')))
    assert.deepEqual(
      best,
      [30, 29, 28, 27, 26, 25, 24, 23, 22, 21].map((seconds) => seconds * 1_000),
    )
    world.policy('ranking', { like: -1 })
    const worst = durations(videoIdsOf(await world.page('bob')))
    assert.deepEqual(
      worst,
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((seconds) => seconds * 1_000),
    )
  })

  test('a model that fails leaves a page, and is counted', async () => {
    const world = plainWorld(20, {
      headNames: heads,
      score: () => {
        throw new Error('no weights')
      },
    })
    const page = await world.page('ann', { explain: true })
    assert.equal(page.entries.length, 10)
    assert.equal(world.shard.counts.failedStages.get('scorer/ranking'), 1)
  })

  test('follow the session at once, and say so; a policy switches that off', async () => {
    const world = new ShardWorld()
    for (let number = 0; number < 60; number++)
      world.publish(`v${number}`, { hashtags: [number % 4 === 0 ? 'cooking' : `tag${number}`] })
    world.policy('exploration', exploit)
    world.policy('scoring', { coldTopics: 0 })
    world.watch('ann', 'v0', 1)
    const page = await world.page('ann', { explain: true })
    assert.equal(page.entries[0]!.reasons![0], 'session: completed #cooking')
    const cooking = page.entries.filter((entry) => Number(entry.videoId.slice(1)) % 4 === 0).length
    assert.equal(cooking, world.view.params.selection.hashtagCap)
    world.policy('scoring', { coldTopics: 0, sessionAffinity: 0 })
    const off = await world.page('ann', { explain: true })
    assert.ok(off.entries.every((entry) => !entry.reasons!.some((reason) => reason.startsWith('session'))))
    assert.ok(!('session-affinity' in off.entries[0]!.scores!))
  })

  test('show less of what was refused, for a while', async () => {
    const world = new ShardWorld()
    for (let number = 0; number < 40; number++)
      world.publish(`v${number}`, { hashtags: [number % 2 === 0 ? 'noise' : `tag${number}`] })
    world.policy('exploration', exploit)
    world.refuse('ann', 'v0')
    const noisy = (ids: string[]) => ids.filter((id) => Number(id.slice(1)) % 2 === 0).length
    assert.equal(noisy(videoIdsOf(await world.page('ann'))), 0)
    const later = await world.page('ann', { limit: 20, explain: true })
    assert.ok(later.entries.some((entry) => entry.reasons!.includes('less of this')))
    world.refuse('ann', 'v0', true)
    const withdrawn = await world.page('ann', { limit: 20, explain: true })
    assert.ok(withdrawn.entries.every((entry) => !entry.reasons!.includes('less of this')))
  })

  test('keep creators apart and topics capped, and give way rather than stay short', async () => {
    const world = new ShardWorld()
    for (let number = 0; number < 60; number++)
      world.publish(`v${number}`, { creatorId: `c${number % 6}`, hashtags: ['all'] })
    for (let number = 0; number < 5; number++)
      world.publish(`o${number}`, { creatorId: `d${number}`, hashtags: [`tag${number}`] })
    const page = await world.page('ann')
    page.entries.forEach((entry, place) => {
      const before = page.entries.slice(Math.max(0, place - 4), place)
      assert.ok(before.every((other) => other.creatorId !== entry.creatorId))
    })
    assert.equal(page.entries.filter((entry) => entry.videoId.startsWith('v')).length, 5)

    const one = new ShardWorld()
    for (let number = 0; number < 12; number++) one.publish(`v${number}`, { creatorId: 'only', hashtags: ['all'] })
    assert.equal((await one.page('ann')).entries.length, 10)
  })

  test('of a first page every entry is an experiment with its true propensity', async () => {
    const world = new ShardWorld()
    for (let number = 0; number < 100; number++) world.publish(`v${number}`, { hashtags: [`tag${number % 25}`] })
    const pages = await Promise.all(
      Array.from({ length: 8 }, (_, seed) => world.page(`user${seed}`, { seed, explain: true })),
    )
    for (const page of pages) {
      for (const entry of page.entries) {
        assert.ok(entry.scores!.propensity! > 0 && entry.scores!.propensity! < 1)
        assert.ok(entry.reasons!.some((reason) => reason.startsWith('explored: tag')))
      }
      const topics = page.entries.map((entry) => Number(entry.videoId.slice(1)) % 25)
      assert.equal(new Set(topics).size, 10)
    }
    assert.ok(new Set(pages.map((page) => page.entries[0]!.videoId)).size > 1)
  })

  test('the propensity of a first entry is how often seeds put its topic there', async () => {
    const world = new ShardWorld()
    for (let number = 0; number < 4; number++) world.publish(`v${number}`, { hashtags: [`tag${number}`] })
    world.policy('exploration.draws', 256)
    const times = new Map<string, number>()
    const propensities = new Map<string, number>()
    const seeds = 400
    for (let seed = 0; seed < seeds; seed++) {
      const [entry] = (await world.page(`user${seed}`, { seed, limit: 1, explain: true })).entries
      times.set(entry!.videoId, (times.get(entry!.videoId) ?? 0) + 1)
      propensities.set(entry!.videoId, (propensities.get(entry!.videoId) ?? 0) + entry!.scores!.propensity!)
    }
    for (const [videoId, count] of times) {
      const mean = propensities.get(videoId)! / count
      assert.ok(Math.abs(mean - count / seeds) < 0.09, `${videoId}: said ${mean}, was ${count / seeds}`)
    }
  })

  test('a run of early skips raises exploration', async () => {
    const explored = async (share: number): Promise<number> => {
      const world = new ShardWorld()
      for (let number = 0; number < 300; number++) world.publish(`v${number}`, { hashtags: [`tag${number % 60}`] })
      for (let number = 0; number < 60; number++) world.watch('ann', `v${number}`, number < 56 ? 1 : share)
      const page = await world.page('ann', { limit: 50 })
      return page.served!.entries.filter((entry) => entry.propensity < 1).length
    }
    assert.ok((await explored(0.02)) > (await explored(1)) + 8)
  })
})

describe('following pages', () => {
  test('are the newest of the creators followed, whatever the model says', async () => {
    const world = new ShardWorld({ scorer: longLover, features })
    for (let number = 0; number < 30; number++)
      world.publish(`v${number}`, { creatorId: `c${number % 3}`, durationMs: 1_000 * (30 - number) })
    assert.deepEqual((await world.page('ann', { feed: 'following' })).entries, [])
    world.follow('ann', 'c1')
    const first = await world.page('ann', { feed: 'following', limit: 4 })
    assert.deepEqual(videoIdsOf(first), ['v28', 'v25', 'v22', 'v19'])
    world.publish('new', { creatorId: 'c1' })
    const second = await world.page('ann', { feed: 'following', limit: 4, cursor: first.cursor })
    assert.deepEqual(videoIdsOf(second), ['new', 'v16', 'v13', 'v10'])
    const third = await world.page('ann', { feed: 'following', limit: 4, cursor: second.cursor })
    assert.deepEqual(videoIdsOf(third), ['v7', 'v4', 'v1'])
    assert.equal(third.cursor, null)
    assert.equal(first.served!.headNames.length, 0)
    assert.ok(first.served!.entries[0]!.features.byteLength > 0)
  })
})
