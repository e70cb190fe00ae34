// The pipeline over the model that ships: towers retrieve, the ranker predicts, and what was scored is what is frozen.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode, encode } from '../../schemas/codec.ts'
import type { FeedServed } from '../../schemas/generated.ts'
import { heads } from '../../schemas/labels.ts'
import { decodeFeatureRow } from '../../schemas/layouts/feature-row.ts'
import { scorer } from '../../trainers/model/scorer.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { modelWorld } from './model-world.ts'
import { videoIdsOf } from './shard-world.ts'

async function filledWorld() {
  const made = await modelWorld()
  for (let number = 0; number < 60; number++) {
    made.world.publish(`v${number}`, { hashtags: [`tag${number % 6}`], embedding: [1, number % 5, number % 3] })
  }
  return made
}

describe('feed with the shipped model', () => {
  test('serves from the first moment, and by the towers once a generation is whole', async () => {
    const { world, generation } = await filledWorld()
    const before = (await world.page('ann')).served!
    assert.equal(before.sources.find(({ name }) => name === 'two-tower')!.outcome, 'disabled')
    assert.equal(before.generation, 0)
    assert.equal(before.entries.length, 10)
    generation(1)
    const after = (await world.page('ann')).served!
    const towers = after.sources.find(({ name }) => name === 'two-tower')!
    assert.deepEqual([towers.outcome, towers.candidates, after.generation], ['ok', 50, 1])
    assert.ok(after.entries.every((entry) => entry.source === 'two-tower'))
    generation(2)
    assert.equal((await world.page('bob')).served!.generation, 2)
    assert.deepEqual([...world.shard.counts.failedStages], [])
  })

  test('the frozen rows give the logged predictions again, bit for bit', async () => {
    const { world, generation } = await filledWorld()
    const ranker = scorer({ spec: foryouSpec, featureSet: world.view.features, parameters: world.view.model })
    const first = await world.page('ann')
    for (const [place, id] of videoIdsOf(first).entries()) world.watch('ann', id, place % 2, first.requestId)
    generation(1)
    const second = await world.page('ann', { cursor: first.cursor })
    for (const page of [first, second]) {
      // As the log keeps it.
      const served = decode(encode(page.served!)) as FeedServed
      assert.equal(served.featureSet, world.view.features.fingerprint)
      assert.deepEqual(served.headNames, [...heads])
      const rows = served.entries.map((entry) => decodeFeatureRow(entry.features))
      const similarities = Float32Array.from(served.entries, (entry) => entry.similarity!)
      assert.equal(
        similarities.every((similarity) => similarity === 0),
        page === first,
      )
      const again = ranker.score(decodeFeatureRow(served.queryFeatures), rows, similarities)
      assert.deepEqual(
        [...again],
        served.entries.flatMap((entry) => entry.predictions),
      )
      const without = ranker.score(decodeFeatureRow(served.queryFeatures), rows, new Float32Array(rows.length))
      assert.equal(
        again.every((prediction, index) => prediction === without[index]),
        page === first,
      )
    }
  })

  test('the similarity is true whatever source brought the video, 0 without a vector, null where nothing was scored', async () => {
    const { world, encoder, generation } = await filledWorld()
    generation(1)
    for (let number = 0; number < 20; number++) world.publish(`late${number}`)
    world.policy('retrieval.twoTower', 0)
    const served = (await world.page('ann', { limit: 50 })).served!
    const vector = encoder.encodeQuery(decodeFeatureRow(served.queryFeatures))
    let without = 0
    for (const { videoId, similarity, source } of served.entries) {
      assert.notEqual(source, 'two-tower')
      const own = world.view.vectors.index.vectorOf(world.view.catalog.numberOf(videoId)!)
      if (own === null) without++
      const want = own === null ? 0 : own.reduce((sum, value, index) => sum + value * vector[index]!, 0)
      assert.ok(Math.abs(similarity! - want) < 1e-6, `${videoId}: ${similarity}, not ${want}`)
    }
    assert.ok(without > 0 && without < served.entries.length, `${without} of ${served.entries.length} without a vector`)
    world.follow('ann', 'creator of v3')
    const following = (await world.page('ann', { feed: 'following' })).served!
    assert.equal(following.entries.length, 1)
    assert.ok(following.entries.every(({ similarity }) => similarity === null))
  })
})
