// What is rolled back is as if it had never been learned, whenever the owner hears of it, and no view mixes both pasts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { AnyRecord, Delta, ModelRolledBack } from '../../schemas/generated.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { replica } from '../model/replica.ts'
import { decodeSections, sectionOf } from '../model/sections.ts'
import { CollectedOutput, tick } from '../planted-world.ts'
import { mapTable } from '../table/map-table.ts'
import { anySteps, gradientRecords, inLog, type StreamStep, streamDense, streamSpec } from './gradient-stream.ts'
import { type Rollback, RollbackLine, rollbacksOf } from './rollbacks.ts'
import { type ShardProcessor, shardProcessor } from './shard-processor.ts'

const newShard = (rollbacks: readonly Rollback[] = []): ShardProcessor =>
  shardProcessor({
    spec: streamSpec,
    bucket: 0,
    buckets: 1,
    tableFactory: mapTable,
    dense: streamDense(),
    syncsPerDense: 1,
    rollbacks,
  })

function fold(shard: ShardProcessor, records: readonly Recorded[], output = new CollectedOutput()): Delta[] {
  for (const record of records) void shard.step(record, output)
  assert.deepEqual(output.reasons, [])
  return output.records.map(({ record }) => record as Delta)
}

function restored(dump: Uint8Array, rollbacks: readonly Rollback[]): ShardProcessor {
  const shard = newShard(rollbacks)
  shard.load(dump)
  return shard
}

const shardOf = (shard: ShardProcessor) => sectionOf(decodeSections(shard.dump()), 'shard')

const rolledBack = (
  eventId: string,
  offsets: Record<string, number>,
  until: Record<string, number>,
): ModelRolledBack => ({
  type: 'ModelRolledBack',
  eventId,
  eventTimeMs: 1,
  receivedTimeMs: 1,
  model: 'sample',
  offsets,
  by: null,
  until,
})

/** A log, and a range of it. */
const anyCase = fc.record({ steps: anySteps, from: fc.nat(40), length: fc.nat(20) })

describe('rollbacks', () => {
  test('equal a fold of the log without what the range taught', () => {
    fc.assert(
      fc.property(anyCase, ({ steps, from, length }) => {
        const records = gradientRecords(steps)
        const until = from + length
        // The same ranges, empty; what was a Tick publishes nothing that counts.
        const without = records.map(({ record }, offset): AnyRecord => {
          if (offset < from || offset >= until || record.type !== 'Gradient') return record
          return { ...record, rows: new Uint8Array(0), dense: [], receivedTimes: [] }
        })
        const [shard, plain] = [newShard([{ eventId: 'a', from, until }]), newShard()]
        fold(shard, records)
        fold(plain, inLog(without))
        for (const [name, table] of plain.tables) assert.deepEqual(shard.tables.get(name)!.dump(), table.dump(), name)
        assert.deepEqual([...shard.dense], [...plain.dense])
        for (const partition of [0, 1, 2]) assert.equal(shard.markOf(partition), plain.markOf(partition))
      }),
      { numRuns: 60 },
    )
  })

  test('from any checkpoint before the range the same state follows; one behind its start is refused', () => {
    fc.assert(
      fc.property(anyCase, fc.nat(40), fc.nat(40), ({ steps, from, length }, cut, later) => {
        const records = gradientRecords(steps)
        const rollbacks = [{ eventId: 'a', from, until: from + length }]
        const whole = newShard(rollbacks)
        fold(whole, records)
        // Before anyone knew.
        const unknowing = newShard()
        fold(unknowing, records.slice(0, cut))
        const next = Math.min(cut, records.length)
        if (next > from) {
          assert.throws(() => restored(unknowing.dump(), rollbacks), RangeError)
          return
        }
        const told = restored(unknowing.dump(), rollbacks)
        const end = Math.min(records.length, next + later)
        fold(told, records.slice(next, end))
        const again = restored(told.dump(), rollbacks)
        fold(again, records.slice(end))
        assert.equal(Buffer.compare(again.dump(), whole.dump()), 0)
      }),
      // A rollback of nothing at the very start, known from the start or not, leaves the same state.
      { numRuns: 60, examples: [[{ steps: [], from: 0, length: 0 }, 0, 0]] },
    )
  })

  test('a view of what was undone finds a gap, and goes on from the snapshot behind the rollback', () => {
    const batch = (id: bigint, value: number): StreamStep => ({
      partition: 0,
      examples: 1,
      eventTimeMs: 5,
      rows: [{ table: 'item', id, value }],
      dense: value,
    })
    const passes = { passesMs: 250 }
    const records = gradientRecords([batch(1n, 1), passes, batch(2n, 2), passes, batch(3n, 3), passes])
    const first = newShard()
    const view = replica(streamSpec, mapTable)
    for (const delta of fold(first, records.slice(0, 4))) assert.equal(view.apply(delta), 'applied')
    assert.equal(view.tablesOf(0).get('item')!.rows, 2)

    const second = newShard([{ eventId: 'a', from: 2, until: 4 }])
    const before = fold(second, records.slice(0, 2))
    const stepVersion = second.denseVersion
    assert.deepEqual([second.lineage, second.wantsCheckpoint], [0, false])
    assert.deepEqual(fold(second, records.slice(2, 4)), [])
    assert.deepEqual([second.lineage, second.wantsCheckpoint, second.counts.skipped], [1, true, 2])
    assert.ok(second.denseVersion > first.denseVersion && first.denseVersion > stepVersion)
    const snapshot = shardOf(second)
    assert.equal(second.wantsCheckpoint, false)
    assert.deepEqual(second.dumpedAt(4), { next: 4, version: 2, lineage: 1, isHeld: false })

    const after = fold(second, records.slice(4))
    assert.deepEqual(
      [...before, ...after].map(({ version, baseVersion, lineage }) => [version, baseVersion, lineage]),
      [
        [2, 0, 0],
        [6, 2, 1],
      ],
    )
    assert.equal(view.apply(after[0]!), 'gap')
    assert.equal(view.load(0, snapshot), true)
    assert.equal(view.apply(after[0]!), 'applied')
    const late = replica(streamSpec, mapTable)
    late.load(0, shardOf(second))
    for (const [name, table] of late.tablesOf(0)) assert.deepEqual(view.tablesOf(0).get(name)!.dump(), table.dump())
    assert.deepEqual([...view.dense.values()], [...second.dense.values()])
  })

  test('one that undoes nothing lets a held publication go on, with what was learned meanwhile', () => {
    const bad = { examples: 1, logLoss: 1, positives: 0, nonFinite: 1 }
    const batch = (id: bigint, quality = { ...bad, nonFinite: 0 }): StreamStep => ({
      partition: 0,
      examples: 1,
      eventTimeMs: 5,
      rows: [{ table: 'item', id, value: 1 }],
      quality,
    })
    const passes = { passesMs: 250 }
    const records = gradientRecords([batch(1n), passes, batch(2n, bad), passes, batch(3n), passes, batch(4n), passes])
    const held = newShard()
    assert.equal(fold(held, records).length, 1)
    assert.deepEqual(held.held, { reason: 'non-finite', sinceOffset: 2 })
    held.dump()
    assert.equal(held.dumpedAt(8)!.isHeld, true)

    const released = newShard([{ eventId: 'a', from: 6, until: 6 }])
    const [, second] = fold(released, records)
    assert.equal(released.held, null)
    assert.deepEqual([second!.version, second!.lineage, second!.baseVersion], [8, 1, 2])
    const view = replica(streamSpec, mapTable)
    view.load(0, shardOf(released))
    assert.equal(view.tablesOf(0).get('item')!.rows, 4)
    // An owner that stopped at that very place goes on as one that knew.
    const stopped = newShard()
    fold(stopped, records.slice(0, 6))
    const told = restored(stopped.dump(), [{ eventId: 'a', from: 6, until: 6 }])
    assert.deepEqual([told.held, told.lineage, told.wantsCheckpoint], [null, 1, true])
    fold(told, records.slice(6))
    assert.equal(Buffer.compare(told.dump(), released.dump()), 0)
  })

  test('ranges are those of one model and partition, in the order of the log, each event once', () => {
    const here = 'gradients.sample/1'
    const records = [
      rolledBack('b', { [here]: 7 }, { [here]: 20 }),
      rolledBack('a', { [here]: 3, 'gradients.sample/0': 1 }, { [here]: 9 }),
      rolledBack('b', { [here]: 1 }, { [here]: 2 }),
      { ...rolledBack('c', { [here]: 1 }, { [here]: 2 }), model: 'other' },
      rolledBack('d', { 'gradients.sample/0': 1 }, {}),
      rolledBack('e', { [here]: 30 }, {}),
    ]
    assert.deepEqual(rollbacksOf(records, 'sample', 'gradients.sample', 1), [
      { eventId: 'b', from: 7, until: 20 },
      { eventId: 'a', from: 3, until: 9 },
      { eventId: 'e', from: 30, until: 30 },
    ])
  })

  test('ends count behind a state, wherever ranges overlap', () => {
    const line = new RollbackLine([
      { eventId: 'a', from: 10, until: 20 },
      { eventId: 'b', from: 5, until: 30 },
      { eventId: 'c', from: 40, until: 40 },
    ])
    const skipped = Array.from({ length: 50 }, (_, offset) => offset).filter((offset) => line.skips(offset))
    assert.deepEqual([skipped.length, skipped[0], skipped.at(-1)], [25, 5, 29])
    assert.deepEqual(
      [19, 20, 29, 30, 39, 40].map((offset) => line.lineageAt(offset)),
      [0, 1, 1, 2, 2, 3],
    )
    assert.deepEqual(
      [4, 20, 25, 31, 40].map((next) => line.advance(next)),
      [false, true, false, true, true],
    )
    assert.deepEqual(line.facts(), { next: 40, lineage: 3, rollbacks: ['a', 'b', 'c'] })
  })

  test('a state that follows a rollback unknown here is refused', () => {
    const shard = newShard([{ eventId: 'a', from: 0, until: 1 }])
    fold(shard, inLog([tick(1), tick(2)]))
    assert.throws(() => restored(shard.dump(), []), /not known here/)
  })
})
