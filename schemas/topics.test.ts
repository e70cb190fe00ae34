// Topic names are distinct, what must replay for ever is kept for ever, and models do not collide.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as topics from './topics.ts'

const day = 24 * 3_600_000
const all = [
  ...topics.userTopics(4),
  ...topics.sharedTopics(),
  ...topics.modelTopics('ranker', 8),
  ...topics.modelTopics(topics.countsModel, 8),
]

test('names are distinct, also with dead letters', () => {
  const names = [...all, ...all.map(topics.deadLetterTopic)].map((topic) => topic.name)
  assert.equal(new Set(names).size, names.length)
})

test('topics of the user share partition numbers, topics of a model those of its buckets', () => {
  assert.ok(topics.userTopics(64).every((topic) => topic.partitions === 64))
  for (const name of [topics.gradientsOf, topics.deltasOf, topics.snapshotsOf]) {
    assert.equal(topics.modelTopics('m', 8).find((topic) => topic.name === name('m'))?.partitions, 8)
  }
})

test('the catalog, the users, the policies and the engagements are kept for ever', () => {
  for (const name of [topics.videos, topics.users, topics.policies, topics.engagements]) {
    const topic = all.find((one) => one.name === name)!
    assert.deepEqual([topic.retentionMs, topic.compacted], [null, false], name)
  }
})

test('events take effect once within as long as one may be late', () => {
  for (const name of [topics.interactions, topics.users, topics.videos, topics.policies]) {
    assert.equal(all.find((topic) => topic.name === name)?.idempotenceMs, topics.eventLatenessMsMax)
  }
})

test('a dead letter stays with its partition and goes in the end', () => {
  const dead = topics.deadLetterTopic(topics.userTopics(4)[0]!)
  assert.deepEqual([dead.name, dead.partitions, dead.compacted], ['interactions.dead-letter', 4, false])
  assert.equal(dead.retentionMs, 14 * day)
})
