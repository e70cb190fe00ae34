// The feeder over the real log: readiness, snapshots, gaps, bad records, groups, and stopping.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AnyRecord, Delta } from '../../schemas/generated.ts'
import * as topics from '../../schemas/topics.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { ShardWorld } from '../feed/shard-world.ts'
import { countsDelta, countsSnapshot, outcomesIn, smallWorld, withRig } from './feeder-rig.ts'
import { viewFeeder } from './view-feeder.ts'

const never = new AbortController().signal

/** A row of each bucket of three. */
const idOfBucket = [3n << 32n, 4n << 32n, 5n << 32n]

const claimed = (bucket: number): AnyRecord => {
  return { type: 'BucketClaimed', model: topics.countsModel, bucket, owner: 'host:1', eventTimeMs: 1 }
}

describe('view feeder', () => {
  test('is ready when the view holds what the log held, and follows on', async () => {
    const world = await smallWorld()
    await withRig(1, async ({ view, append, feeder }) => {
      const records = (topic: string) => world.records.filter((one) => one.topic === topic).map((one) => one.record)
      for (const topic of [topics.videos, topics.users, topics.interactions]) await append(topic, records(topic))
      const fed = feeder()
      assert.equal(fed.isReady, false)
      await fed.whenReady()
      assert.equal(fed.isReady, true)
      assert.deepEqual(view.stamp, world.view.stamp)
      assert.equal(view.catalog.servable, 30)
      assert.deepEqual(view.userOf('ann').history, world.view.userOf('ann').history)
      assert.equal(fed.counts.errors, 0)

      world.watch('ann', 'v29', 1)
      await append(topics.interactions, [world.records.at(-1)!.record])
      await view.reached(topics.interactions, 0, world.view.nextOf(topics.interactions, 0), never)
      assert.equal(view.userOf('ann').history.recent[0]!.videoId, 'v29')
    })
  })

  test('a record that cannot be read is counted and passed over', async () => {
    const world = await smallWorld()
    await withRig(1, async ({ log, view, append, feeder }) => {
      await log.append(topics.videos, [{ key: null, value: new Uint8Array([1, 2, 3]), timestampMs: 1 }])
      await append(
        topics.videos,
        world.records.filter((one) => one.topic === topics.videos).map((one) => one.record),
      )
      await append(topics.deltasOf(topics.countsModel), [{ ...countsDelta(0, 1, 5n, 1), model: 'unheard' }])
      await feeder().whenReady()
      assert.equal(view.catalog.servable, 30)
      assert.equal(view.badRecords.count, 2)
      assert.match(view.badRecords.newest[0]!, /videos\/0@0/)
    })
  })

  test('starts from the newest snapshot and the deltas after it', async () => {
    await withRig(1, async ({ blobs, view, append, feeder }) => {
      await append(topics.snapshotsOf(topics.countsModel), [await countsSnapshot(blobs, 3)])
      await append(topics.deltasOf(topics.countsModel), [
        countsDelta(2, 3, 5n, 70),
        countsDelta(3, 4, 6n, 80),
        countsDelta(4, 5, 7n, 90),
      ])
      const fed = feeder()
      await fed.whenReady()
      assert.equal(view.counts.version, 5)
      assert.deepEqual(
        [5n, 6n, 7n].map((id) => outcomesIn(view, id)),
        [0, 80, 90],
      )
      assert.equal(fed.counts.gaps, 0)
    })
  })

  test('a missing delta is bridged by the next snapshot; until then the view is ready and older', async () => {
    await withRig(1, async ({ blobs, view, append, feeder }) => {
      const deltas = topics.deltasOf(topics.countsModel)
      await append(deltas, [countsDelta(0, 1, 5n, 10), countsDelta(4, 5, 6n, 20)])
      const fed = feeder()
      await fed.whenReady()
      assert.equal(view.counts.version, 1)
      assert.equal(fed.counts.gaps, 1)
      assert.equal(view.nextOf(deltas, 0), 1)
      // A damaged one is passed over, the next is taken.
      await append(topics.snapshotsOf(topics.countsModel), [
        { ...(await countsSnapshot(blobs, 4)), checksum: '0000000000000000' },
      ])
      await append(topics.snapshotsOf(topics.countsModel), [await countsSnapshot(blobs, 4)])
      await view.reached(deltas, 0, 2, never)
      assert.equal(view.counts.version, 5)
      assert.equal(outcomesIn(view, 6n), 20)
    })
  })

  test('each bucket starts from its own snapshot; claims are passed over and repeats change nothing', async () => {
    await withRig(
      2,
      async ({ blobs, view, append, feeder }) => {
        const [deltas, snapshots] = [topics.deltasOf(topics.countsModel), topics.snapshotsOf(topics.countsModel)]
        for (const [bucket, id] of idOfBucket.entries()) {
          const outcomes = new Map([[id, bucket + 1]])
          await append(snapshots, [claimed(bucket)], bucket)
          if (bucket > 0)
            await append(snapshots, [await countsSnapshot(blobs, bucket * 10, { bucket, outcomes })], bucket)
        }
        // The one without a snapshot has all of its deltas; the second has nothing newer; the third goes on.
        await append(deltas, [countsDelta(0, 4, idOfBucket[0]!, 40), countsDelta(4, 5, idOfBucket[0]!, 50)], 0)
        await append(deltas, [countsDelta(9, 10, idOfBucket[1]!, 99, 1)], 1)
        const third = [countsDelta(20, 21, idOfBucket[2]!, 60, 2), countsDelta(21, 22, idOfBucket[2]!, 70, 2)]
        await append(deltas, [...third, ...third], 2)
        const fed = feeder({ partitions: [0, 1] })
        await fed.whenReady()
        assert.deepEqual(
          idOfBucket.map((id) => outcomesIn(view, id)),
          [50, 2, 70],
        )
        assert.deepEqual(
          idOfBucket.map((_, bucket) => view.counts.versionOf(bucket)),
          [5, 10, 22],
        )
        assert.deepEqual(fed.counts, { errors: 0, newestError: null, gaps: 0, snapshotsLoaded: 2 })
        assert.equal(view.badRecords.count, 0)
      },
      3,
    )
  })

  test('a gap in one bucket holds that bucket alone, and the snapshot of another does not end it', async () => {
    await withRig(
      1,
      async ({ blobs, view, append, feeder }) => {
        const [deltas, snapshots] = [topics.deltasOf(topics.countsModel), topics.snapshotsOf(topics.countsModel)]
        const [first, second] = idOfBucket as [bigint, bigint, bigint]
        await append(deltas, [countsDelta(7, 8, second, 80, 1), countsDelta(8, 9, second, 90, 1)], 1)
        const fed = feeder()
        await fed.whenReady()
        await append(snapshots, [await countsSnapshot(blobs, 3)], 0)
        await append(deltas, [countsDelta(3, 4, first, 40), countsDelta(4, 5, first, 50)], 0)
        await view.reached(deltas, 0, 2, never)
        assert.deepEqual([outcomesIn(view, first), outcomesIn(view, second)], [50, 0])
        assert.equal(view.nextOf(deltas, 1), 0)
        await append(snapshots, [await countsSnapshot(blobs, 7, { bucket: 1 })], 1)
        await view.reached(deltas, 1, 2, never)
        assert.equal(outcomesIn(view, second), 90)
        assert.equal(outcomesIn(view, first), 50)
        assert.equal(fed.counts.gaps, 2)
      },
      3,
    )
  })

  test('a rollback takes the view back to the snapshot of the new lineage, and nothing of the old one comes after', async () => {
    await withRig(1, async ({ blobs, view, append, feeder }) => {
      const [deltas, snapshots] = [topics.deltasOf(topics.countsModel), topics.snapshotsOf(topics.countsModel)]
      await append(deltas, [countsDelta(0, 10, 5n, 10), countsDelta(10, 20, 5n, 20)])
      const fed = feeder()
      await fed.whenReady()
      const after = { ...countsDelta(10, 30, 6n, 30), lineage: 1, epoch: 1 }
      await append(deltas, [after])
      // Of the lineage before: newer than what the view has, and still of no use.
      await append(snapshots, [await countsSnapshot(blobs, 25)])
      const rolledBack = await countsSnapshot(blobs, 10, { lineage: 1, epoch: 1, outcomes: new Map([[5n, 10]]) })
      await append(snapshots, [rolledBack])
      await view.reached(deltas, 0, 3, never)
      assert.deepEqual([outcomesIn(view, 5n), outcomesIn(view, 6n)], [10, 30])
      assert.equal(view.counts.version, 30)
      // An owner that does not know yet that it lost the bucket.
      await append(snapshots, [await countsSnapshot(blobs, 45)])
      await append(deltas, [countsDelta(30, 40, 5n, 40), { ...after, baseVersion: 30, version: 50, epoch: 0 }])
      await view.reached(deltas, 0, 5, never)
      assert.deepEqual([outcomesIn(view, 5n), view.counts.version], [10, 30])
      assert.equal(fed.counts.gaps, 1)
    })
  })

  test('a group of shards shares the users out and one takes over what another leaves', async () => {
    await withRig(2, async ({ log, blobs, append, feeder }) => {
      const world = await smallWorld()
      await append(
        topics.videos,
        world.records.filter((one) => one.topic === topics.videos).map((one) => one.record),
      )
      const acts = world.records.filter((one) => one.topic === topics.interactions).map((one) => one.record)
      await append(topics.interactions, acts, 0)
      await append(topics.interactions, acts, 1)
      const first = feeder({ group: 'serving' })
      await first.whenReady()
      const other = new ShardWorld().view
      const second = viewFeeder({ view: other, log, blobs, runtime: systemRuntime, users: { group: 'serving' } })
      await second.whenReady()
      await first.stop()
      await other.reached(topics.interactions, 0, acts.length, never)
      await other.reached(topics.interactions, 1, acts.length, never)
      await second.stop()
      assert.equal(other.userOf('ann').history.recent.length, 10)
    })
  })

  test('freshness is measured where deltas are applied, from readiness on', async () => {
    await withRig(1, async ({ view, append, feeder }) => {
      const deltas = topics.deltasOf('foryou')
      const delta = (version: number): Delta => ({
        ...countsDelta(version - 1, version, 5n, 1),
        model: 'foryou',
        tables: [],
      })
      await append(deltas, [delta(1)])
      await feeder().whenReady()
      assert.equal(view.freshness.examples, 0)
      await append(deltas, [delta(2)])
      await view.reached(deltas, 0, 2, never)
      assert.equal(view.freshness.examples, 3)
      assert.ok(view.freshness.quantile(0.5)! >= 100)
    })
  })
})
