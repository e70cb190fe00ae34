// What the owner of a bucket refuses, and that nothing of it is left behind.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Gradient } from '../../schemas/generated.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { CollectedOutput } from '../planted-world.ts'
import { mapTable } from '../table/map-table.ts'
import {
  type BatchStep,
  expiringSpec,
  GradientChains,
  gradientRecords,
  inLog,
  streamDense,
  sumSpec,
} from './gradient-stream.ts'
import { type ShardProcessor, type ShardProcessorOptions, shardProcessor } from './shard-processor.ts'

const newShard = (options: Partial<ShardProcessorOptions> = {}): ShardProcessor =>
  shardProcessor({
    spec: expiringSpec,
    bucket: 0,
    buckets: 1,
    tableFactory: mapTable,
    dense: streamDense(),
    ...options,
  })

function fold(shard: ShardProcessor, records: readonly Recorded[], output = new CollectedOutput()): CollectedOutput {
  for (const record of records) void shard.step(record, output)
  return output
}

describe('parameter shard processor refuses', () => {
  test('a range behind a missing one is refused whole, with an alarm, until the missing one comes', () => {
    const chains = new GradientChains()
    const batch = (id: bigint): BatchStep => ({
      partition: 2,
      examples: 10,
      eventTimeMs: 5,
      rows: [{ table: 'item', id, value: 1 }],
    })
    const [first, missing, third] = [chains.next(batch(1n)), chains.next(batch(2n)), chains.next(batch(3n))]
    const shard = newShard()
    const output = fold(shard, inLog([first, third]))
    assert.equal(output.reasons.length, 1)
    assert.match(output.reasons[0]!, /examples\/2 \[20, 30\) after 20 .* ends at 10/)
    assert.equal(shard.counts.gaps, 1)
    assert.deepEqual([shard.markOf(2), shard.tables.get('item')!.rows], [10, 1])
    assert.deepEqual(fold(shard, inLog([missing, third], 2)).reasons, [])
    assert.deepEqual([shard.markOf(2), shard.tables.get('item')!.rows], [30, 3])
  })

  test('a gradient that does not fit leaves nothing behind but its range', () => {
    const fit = new GradientChains().next({
      partition: 0,
      examples: 3,
      eventTimeMs: 1,
      rows: [{ table: 'item', id: 7n, value: 1 }],
      dense: 1,
    })
    const foreign = { ...fit, rows: new Uint8Array(fit.rows) }
    foreign.rows.set(new TextEncoder().encode('itex'), 24)
    const misfits: Gradient[] = [
      foreign,
      { ...fit, rows: fit.rows.subarray(0, 30) },
      { ...fit, dense: [{ name: 'v', shape: [2], values: new Uint8Array(8) }] },
      { ...fit, dense: [{ name: 'w', shape: [3], values: new Uint8Array(12) }] },
    ]
    for (const misfit of misfits) {
      const shard = newShard()
      assert.equal(fold(shard, inLog([misfit])).reasons.length, 1)
      assert.deepEqual([shard.markOf(0), shard.tables.get('item')!.rows, shard.denseVersion], [3, 0, 0])
      assert.equal(shard.counts.misfits, 1)
    }
    const shard = newShard({ bucket: 1, buckets: 3 })
    assert.equal(fold(shard, inLog([fit])).reasons.length, 1)
    assert.equal(shard.markOf(0), 0)
    const rowsIn = (bucket: number) =>
      fold(newShard({ bucket, buckets: 3 }), inLog([{ ...fit, bucket, dense: [] }])).reasons
    assert.deepEqual(rowsIn(0), [])
    assert.match(rowsIn(1)[0]!, /belongs to bucket 0/)
    assert.match(rowsIn(2)[0]!, /holds no rows/)
    assert.equal(
      fold(newShard({ bucket: 2, buckets: 3 }), inLog([{ ...fit, bucket: 2, rows: new Uint8Array(8) }])).reasons.length,
      0,
    )
  })

  test('the state of another bucket or spec is refused', () => {
    const dump = newShard({ bucket: 1, buckets: 3 }).dump()
    assert.throws(() => newShard({ bucket: 0, buckets: 3 }).load(dump), RangeError)
    assert.throws(() => newShard({ spec: sumSpec }).load(newShard().dump()), RangeError)
  })

  test('any other record is refused', () => {
    const claim = { type: 'BucketClaimed', model: 'm', bucket: 0, owner: 'o', eventTimeMs: 1 } as const
    assert.match(fold(newShard(), inLog([claim])).reasons[0]!, /no gradient/)
  })

  test('values that are no numbers, and holds publication from there on', () => {
    const row = (id: bigint, value: number) => ({ table: 'item', id, value })
    const batch = (value: number, dense: number | null) => ({
      partition: 0,
      examples: 1,
      eventTimeMs: 5,
      rows: [row(1n, 1), row(2n, value)],
      dense,
    })
    for (const step of [batch(Number.NaN, null), batch(1, Number.POSITIVE_INFINITY)]) {
      const shard = newShard()
      const records = gradientRecords([step, { passesMs: 300 }])
      assert.deepEqual(fold(shard, records).records, [])
      assert.deepEqual(shard.held, { reason: 'non-finite', sinceOffset: 0 })
      const { rowsNonFinite, denseNonFinite } = shard.counts
      assert.equal(rowsNonFinite + denseNonFinite, 1)
      assert.equal(shard.markOf(0), 1)
      // Models that do not predict go on without the refused rows.
      const counting = newShard({ guard: null })
      assert.equal(fold(counting, records).records.length, 1)
      assert.equal(counting.held, null)
    }
  })
})
