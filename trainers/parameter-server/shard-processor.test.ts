// The owner of a bucket: equal to a fold of plain Maps, unchanged by cuts, repeats and other orders, and on every replica.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Delta } from '../../schemas/generated.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { replica } from '../model/replica.ts'
import { decodeSections, sectionOf } from '../model/sections.ts'
import { CollectedOutput, tick } from '../planted-world.ts'
import { mapTable } from '../table/map-table.ts'
import { wasmTable } from '../table/wasm-table.ts'
import {
  anyBatch,
  anySteps,
  expiringSpec,
  GradientChains,
  gradientRecords,
  inLog,
  type StreamStep,
  streamDense,
  sumSpec,
  tightSpec,
} from './gradient-stream.ts'
import { PlainFold } from './plain-fold.ts'
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

const deltasOf = ({ records }: CollectedOutput): Delta[] => records.map(({ record }) => record as Delta)

/** Says where they part: a diff of whole states takes minutes. */
function assertSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  const at = actual.findIndex((byte, index) => byte !== expected[index])
  assert.deepEqual([at, actual.byteLength], [-1, expected.byteLength])
}

function assertSameRows(left: ShardProcessor, right: ShardProcessor): void {
  for (const [name, table] of left.tables) assert.deepEqual(right.tables.get(name)!.dump(), table.dump(), name)
  assert.deepEqual([...right.dense], [...left.dense])
}

describe('parameter shard processor', () => {
  test('equals a fold of plain maps, and is the same over either table', () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const records = gradientRecords(steps)
        const [shard, wasm] = [newShard(), newShard({ tableFactory: wasmTable })]
        assert.deepEqual(fold(shard, records).reasons, [])
        fold(wasm, records)
        assertSameBytes(wasm.dump(), shard.dump())
        const plain = new PlainFold()
        for (const record of records) plain.fold(record)
        for (const [name, table] of plain.tables) assert.deepEqual(shard.tables.get(name)!.dump(), table.dump(), name)
        for (const [index, value] of plain.dense.values.entries()) {
          assert.ok(Math.abs(shard.dense.get('w')!.values[index]! - value) < 1e-6)
        }
        for (const [partition, mark] of plain.marks) assert.equal(shard.markOf(partition), mark)
      }),
      { numRuns: 40 },
    )
  })

  test('cut and resumed anywhere it writes the same bytes and the same deltas, whoever owns it', () => {
    fc.assert(
      fc.property(anySteps, fc.array(fc.nat(40), { maxLength: 4 }), fc.boolean(), (steps, cuts, isTight) => {
        const records = gradientRecords(steps)
        const options = { rowsPerDeltaMax: 3, epoch: 5, ...(isTight && { spec: tightSpec }) }
        const whole = newShard(options)
        const expected = fold(whole, records)
        let shard = newShard(options)
        const output = new CollectedOutput()
        for (const [index, record] of records.entries()) {
          if (cuts.includes(index)) {
            const dump = Buffer.concat([...shard.dumpParts()])
            assertSameBytes(shard.dump(), dump)
            shard = newShard(options)
            shard.load(dump)
          }
          void shard.step(record, output)
        }
        assert.deepEqual(output.records, expected.records)
        assertSameBytes(shard.dump(), whole.dump())
        const other = newShard({ ...options, epoch: 9 })
        fold(other, records)
        assertSameBytes(other.dump(), whole.dump())
        assert.equal(other.denseVersion, shard.denseVersion)
      }),
      { numRuns: 40 },
    )
  })

  test('ranges that come again change nothing, whichever and whenever', () => {
    fc.assert(
      fc.property(anySteps, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 12 }), (steps, repeats) => {
        const once = gradientRecords(steps).map(({ record }) => record)
        const again = [...once]
        for (const [from, to] of repeats) {
          if (again.length === 0) continue
          const at = from % again.length
          const repeated = again[at]!
          if (repeated.type === 'Gradient') again.splice(at + 1 + (to % (again.length - at)), 0, repeated)
        }
        const [plain, repeated] = [newShard(), newShard()]
        const output = fold(repeated, inLog(again))
        const expected = fold(plain, inLog(once))
        assert.deepEqual(output.reasons, [])
        assert.equal(repeated.counts.repeats, again.length - once.length)
        assertSameRows(plain, repeated)
        const changes = (deltas: Delta[]) => deltas.map(({ tables, receivedTimes }) => ({ tables, receivedTimes }))
        assert.deepEqual(changes(deltasOf(output)), changes(deltasOf(expected)))
      }),
      { numRuns: 40 },
    )
  })

  test('partitions that arrive in another order count each range once', () => {
    fc.assert(
      fc.property(fc.array(anyBatch, { maxLength: 30 }), (steps) => {
        const chains = new GradientChains()
        const gradients = steps.map((step) => chains.next({ ...step, dense: null }))
        const sorted = [...gradients].sort((left, right) => left.examplePartition - right.examplePartition)
        const [left, right] = [gradients, sorted].map((records) => {
          const shard = newShard({ spec: sumSpec })
          assert.deepEqual(fold(shard, inLog(records)).reasons, [])
          return shard
        })
        for (const [name, table] of left!.tables) assert.deepEqual(right!.tables.get(name)!.dump(), table.dump(), name)
      }),
      { numRuns: 30 },
    )
  })

  test('a replica that follows the deltas holds the rows of the owner, also those that went, as one of a snapshot does', () => {
    fc.assert(
      fc.property(anySteps, fc.integer({ min: 1, max: 6 }), fc.boolean(), (steps, rowsPerDeltaMax, isTight) => {
        const spec = isTight ? tightSpec : expiringSpec
        const shard = newShard({ spec, rowsPerDeltaMax, syncsPerDense: 1 })
        const records = gradientRecords(steps)
        const last = records.reduce(
          (newest, { record }) => Math.max(newest, (record as { eventTimeMs: number }).eventTimeMs),
          0,
        )
        // Enough Ticks for all that a bounded delta left over.
        const rest = Array.from({ length: 60 }, (_, index) => tick(last + 250 * (index + 1)))
        const output = fold(shard, [...records, ...inLog(rest, records.length)])
        const [followed, loaded] = [replica(spec, mapTable), replica(spec, mapTable)]
        for (const delta of deltasOf(output)) assert.equal(followed.apply(delta), 'applied')
        loaded.load(0, sectionOf(decodeSections(shard.dump()), 'shard'))
        for (const [name, table] of loaded.tablesOf(0)) {
          assert.deepEqual(followed.tablesOf(0).get(name)!.dump(), table.dump(), name)
          assert.equal(table.rows, shard.tables.get(name)!.rows)
        }
        if (shard.denseVersion > 0) assert.deepEqual([...followed.dense.values()], [...shard.dense.values()])
      }),
      { numRuns: 40 },
    )
  })

  test('what expired is told as a tombstone, unless it is back', () => {
    const row = (id: bigint) => ({ table: 'item', id, value: 1 })
    const batch = (eventTimeMs: number, ids: bigint[]): StreamStep => ({
      partition: 0,
      examples: 1,
      eventTimeMs,
      rows: ids.map(row),
    })
    const steps: StreamStep[] = [
      batch(10, [1n, 2n, 3n]),
      { passesMs: 250 },
      batch(5_000, [4n]),
      // Expires, but publishes nothing: the interval has not passed.
      { passesMs: 1 },
      batch(5_001, [2n]),
      { passesMs: 250 },
    ]
    const shard = newShard()
    const deltas = deltasOf(fold(shard, gradientRecords(steps)))
    const change = deltas.at(-1)!.tables.find(({ table }) => table === 'item')!
    assert.deepEqual([...new BigUint64Array(change.tombstones.slice().buffer)], [1n, 3n])
    assert.equal(shard.counts.rowsExpired, 3)
    const view = replica(expiringSpec, mapTable)
    for (const delta of deltas) assert.equal(view.apply(delta), 'applied')
    assert.equal(view.tablesOf(0).get('item')!.rows, 2)
  })

  test('a delta says how far each partition of examples is in it, and when they were accepted', () => {
    const shard = newShard({ epoch: 3 })
    const batch = (partition: number, eventTimeMs: number): StreamStep => ({
      partition,
      examples: 4,
      eventTimeMs,
      rows: [],
    })
    const steps = [batch(1, 12), batch(0, 17), batch(1, 500), { passesMs: 250 }]
    const [delta] = deltasOf(fold(shard, gradientRecords(steps)))
    assert.deepEqual(delta!.trainedThrough, { 'examples/0': 4, 'examples/1': 8 })
    assert.deepEqual([delta!.version, delta!.epoch, delta!.eventTimeMs], [4, 3, 500])
    assert.deepEqual(delta!.receivedTimes, [
      { receivedTimeMs: 10, examples: 8 },
      { receivedTimeMs: 500, examples: 4 },
    ])
  })
})
