// What each filter keeps out, seen on pages that could hold everything.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as topics from '../../../schemas/topics.ts'
import { ShardWorld, videoIdsOf } from '../shard-world.ts'

const shown = async (world: ShardWorld, user = 'ann'): Promise<string[]> =>
  videoIdsOf(await world.page(user, { limit: 50 })).sort()

function moderate(world: ShardWorld, videoId: string, state: 'pending' | 'approved' | 'limited' | 'rejected'): void {
  world.append(topics.videos, {
    type: 'VideoModerated',
    eventId: `${videoId} ${state}`,
    eventTimeMs: world.nowMs,
    receivedTimeMs: world.nowMs,
    videoId,
    state,
    reason: null,
    by: 'mia',
  })
}

describe('filters', () => {
  test('taken down: gone until published again', async () => {
    const world = new ShardWorld()
    for (const id of ['a', 'b']) world.publish(id)
    world.takeDown('a')
    assert.deepEqual(await shown(world), ['b'])
    world.publish('a')
    assert.deepEqual(await shown(world, 'bob'), ['a', 'b'])
  })

  test('moderation: pending and rejected are gone, limited is for followers alone', async () => {
    const world = new ShardWorld()
    const states = ['pending', 'approved', 'limited', 'rejected'] as const
    for (const state of states) {
      world.publish(state, { creatorId: 'carl' })
      moderate(world, state, state)
    }
    world.publish('unjudged', { creatorId: 'carl' })
    assert.deepEqual(await shown(world), ['approved', 'unjudged'])
    world.follow('bob', 'carl')
    const following = await world.page('bob', { feed: 'following' })
    assert.deepEqual(videoIdsOf(following), ['unjudged', 'limited', 'approved'])
    moderate(world, 'pending', 'approved')
    assert.deepEqual(await shown(world, 'eve'), ['approved', 'pending', 'unjudged'])
  })

  test('age: by birth year, and careful where there is none', async () => {
    const world = new ShardWorld()
    for (const ageRating of [0, 12, 16, 18]) world.publish(`rated${ageRating}`, { ageRating })
    world.publish('unrated')
    world.join('child', { birthYear: 2016 })
    world.join('teen', { birthYear: 2009 })
    world.join('grown', { birthYear: 1990 })
    assert.deepEqual(await shown(world, 'child'), ['rated0', 'unrated'])
    assert.deepEqual(await shown(world, 'teen'), ['rated0', 'rated12', 'rated16', 'unrated'])
    assert.deepEqual(await shown(world, 'grown'), ['rated0', 'rated12', 'rated16', 'rated18', 'unrated'])
    assert.deepEqual(await shown(world, 'nobody'), ['rated0', 'rated12', 'rated16', 'unrated'])
  })

  test('blocked creators', async () => {
    const world = new ShardWorld()
    for (const creatorId of ['carl', 'cora', 'cleo']) world.publish(`of ${creatorId}`, { creatorId })
    world.join('ann', { attributes: { blockedCreators: 'carl, cleo' } })
    assert.deepEqual(await shown(world), ['of cora'])
  })

  test('one content is shown once, whoever publishes it', async () => {
    const world = new ShardWorld()
    for (const id of ['a', 'b', 'c']) world.publish(id, { contentId: 'same' })
    world.publish('d')
    const first = await world.page('ann')
    assert.equal(first.entries.length, 2)
    for (const entry of first.entries) world.watch('ann', entry.videoId, 1, first.requestId)
    assert.deepEqual(await shown(world), [])
  })
})
