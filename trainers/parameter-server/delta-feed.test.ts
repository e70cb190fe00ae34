// Acceptance times in a delta: exact for the newest seconds, bounded however much is held back, the same in any order.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Delta } from '../../schemas/generated.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { sampleSpec } from '../model/sample-features.ts'
import { CollectedOutput, recorded, tick } from '../planted-world.ts'
import { mapTable } from '../table/map-table.ts'
import { DeltaFeed } from './delta-feed.ts'
import { ParameterShard } from './parameter-shard.ts'

function timesOf(binsInOrder: readonly number[], restartAt = -1): Delta['receivedTimes'] {
  const newFeed = () => new DeltaFeed(new ParameterShard({ spec: sampleSpec, tableFactory: mapTable }), 250)
  let feed = newFeed()
  for (const [index, receivedTimeMs] of binsInOrder.entries()) {
    if (index === restartAt) {
      const next = newFeed()
      next.restore(JSON.parse(JSON.stringify(feed.state())))
      feed = next
    }
    feed.noteBatch(receivedTimeMs, [{ receivedTimeMs, examples: 2 }])
  }
  const output = new CollectedOutput()
  feed.tick(recorded([tick(1_000)])[0] as Recorded<ReturnType<typeof tick>>, output)
  return (output.records[0]?.record as Delta | undefined)?.receivedTimes ?? []
}

describe('delta feed', () => {
  test('keeps the newest bins as they are and all older ones as the oldest', () => {
    const times = Array.from({ length: 3_000 }, (_, index) => index * 10 + 3)
    const bins = timesOf(times)
    assert.equal(bins.length, 512)
    assert.deepEqual(bins[0], { receivedTimeMs: 0, examples: 2 * (3_000 - 511) })
    assert.deepEqual(bins.at(-1), { receivedTimeMs: 29_990, examples: 2 })
    assert.equal(
      bins.reduce((sum, { examples }) => sum + examples, 0),
      6_000,
    )
  })

  test('order and restarts change nothing', () => {
    const anyTimes = fc.uniqueArray(fc.nat(50_000), { minLength: 1_100, maxLength: 1_800 })
    fc.assert(
      fc.property(anyTimes, fc.nat(1_100), (times, restartAt) => {
        const expected = timesOf([...times].sort((left, right) => left - right))
        assert.deepEqual(timesOf(times, restartAt), expected)
      }),
      { numRuns: 10 },
    )
  })
})
