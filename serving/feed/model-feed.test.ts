// The pipeline over the model that ships: towers retrieve, the ranker predicts, and what was scored is what is frozen.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
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

  test('the frozen features give the logged predictions again', async () => {
    const { world } = await filledWorld()
    const first = await world.page('ann')
    for (const [place, id] of videoIdsOf(first).entries()) world.watch('ann', id, place % 2, first.requestId)
    const served = (await world.page('ann', { cursor: first.cursor })).served!
    assert.equal(served.featureSet, world.view.features.fingerprint)
    assert.deepEqual(served.headNames, [...heads])
    const ranker = scorer({ spec: foryouSpec, featureSet: world.view.features, parameters: world.view.model })
    const query = decodeFeatureRow(served.queryFeatures)
    for (const entry of served.entries) {
      const again = ranker.score(query, [decodeFeatureRow(entry.features)], new Float32Array(1))
      entry.predictions.forEach((prediction, head) => {
        assert.ok(Math.abs(prediction - again[head]!) < 1e-5, `${heads[head]} ${prediction} ${again[head]}`)
      })
    }
  })
})
