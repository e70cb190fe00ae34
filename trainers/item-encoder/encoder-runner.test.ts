// The encoder over the real log, several buckets: whoever encodes, and whatever happened to those before, every published
// video ends with the vector that the newest generation gives its final rows.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { seededRandom } from '../planted-world.ts'
import { withEncoderWorld } from './encoder-world.ts'

const seed = systemRuntime.randomness.seed()

describe('encoder runner', { timeout: 60_000 }, () => {
  test('follows every bucket, whatever their order', async () => {
    await withEncoderWorld(seed, 20, async (world) => {
      const { runner } = await world.start()
      await world.publish(0, 20)
      for (const bucket of [3, 1, 0, 2]) await world.train(0, 10, [bucket])
      await world.publish(20, 40)
      await world.train(10, 20)
      await world.settle()
      await world.settled()
      assert.deepEqual([runner.badRecords, runner.gaps, runner.isActive], [0, 0, true])
    })
  })

  test('another takes over from one that was killed, checkpoint or not, and from one that stops', async () => {
    for (const checkpointEveryMs of [1e9, 0]) {
      await withEncoderWorld(seed, 24, async (world) => {
        const first = await world.start(checkpointEveryMs)
        const second = await world.start(checkpointEveryMs)
        await world.publish(0, 30)
        await world.train(0, 8)
        assert.equal(second.runner.isActive, false)
        await first.kill()
        await world.train(8, 16)
        await world.publish(30, 40)
        const third = await world.start(checkpointEveryMs)
        await second.runner.stop()
        await world.train(16, 24)
        await world.settle()
        await world.settled()
        assert.equal(third.runner.isActive, true)
      })
    }
  })

  test('a gap waits for a snapshot of its own bucket, announced before or after', async () => {
    const random = seededRandom(seed)
    for (const bucket of [0, 2, 3]) {
      await withEncoderWorld(seed, 16, async (world) => {
        const others = [0, 1, 2, 3].filter((other) => other !== bucket)
        const { runner } = await world.start()
        await world.publish(0, 30)
        await world.train(0, 4)
        // Deltas 4 to 7 of one bucket are gone.
        await world.train(4, 16, others)
        const isBefore = random() < 0.5
        if (isBefore) await world.snapshot(bucket, 8 + Math.floor(random() * 4))
        await world.train(8, 16, [bucket])
        if (!isBefore) await world.snapshot(bucket, 8 + Math.floor(random() * 4))
        await world.settle()
        await world.settled()
        assert.equal(runner.badRecords, 0)
        assert.ok(runner.gaps > 0)
      })
    }
  })

  test('who takes over and bridges a gap from another snapshot numbers its generations past those published', async () => {
    await withEncoderWorld(seed, 20, async (world) => {
      const dense = 3
      const first = await world.start()
      await world.publish(0, 20)
      await world.train(0, 4)
      await world.train(4, 20, [0, 1, 2])
      await world.snapshot(dense, 8)
      await world.train(8, 14, [dense])
      await world.generationReached(3)
      await first.kill()
      await world.snapshot(dense, 12)
      await world.start()
      await world.train(14, 20, [dense])
      await world.settle()
      await world.settled()
    })
  })
})
