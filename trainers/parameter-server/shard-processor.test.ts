// The owner of a bucket: equal to a fold of plain Maps, unchanged by cuts, repeats and other orders, and on every replica.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Delta, Gradient } from '../../schemas/generated.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { decodeGradientRows } from '../../schemas/layouts/gradient-rows.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { tablesOf } from '../model/initial-parameters.ts'
import type { DenseParameter } from '../model/model.ts'
import { replica } from '../model/replica.ts'
import { decodeSections, sectionOf } from '../model/sections.ts'
import { CollectedOutput, tick } from '../planted-world.ts'
import { mapTable } from '../table/map-table.ts'
import { wasmTable } from '../table/wasm-table.ts'
import {
  anyBatch,
  anySteps,
  type BatchStep,
  expiringSpec,
  GradientChains,
  gradientRecords,
  inLog,
  type StreamStep,
  streamDense,
  sumSpec,
  tightSpec,
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

/** Marks, tables and tensors as the design says it, without a thought for speed. */
class PlainFold {
  readonly marks = new Map<number, number>()
  readonly newest = new Map<number, number>()
  readonly heard = new Map<number, number>()
  readonly tables = tablesOf(expiringSpec, mapTable)
  readonly dense: DenseParameter = streamDense().get('w')!
  readonly #squares = this.dense.values.map(() => 0.01)
  #nowMs = 0

  fold({ record }: Recorded): void {
    if (record.type === 'Tick') this.#tick(record.eventTimeMs)
    if (record.type !== 'Gradient') return
    const { examplePartition: partition, previousToOffset, toOffset, eventTimeMs } = record
    if (previousToOffset !== (this.marks.get(partition) ?? 0)) return
    this.marks.set(partition, toOffset)
    this.newest.set(partition, Math.max(this.newest.get(partition) ?? 0, eventTimeMs))
    this.heard.set(partition, this.#nowMs)
    for (const { table, ids, values, eventTimesMs } of decodeGradientRows(record.rows)) {
      this.tables.get(table)!.push(ids, ids.length, values, eventTimesMs)
    }
    for (const { values } of record.dense) {
      for (const [index, g] of decodeFloats(values).entries()) {
        this.#squares[index]! += g * g
        this.dense.values[index]! -= (0.01 * g) / (Math.sqrt(this.#squares[index]!) + 1e-10)
      }
    }
  }

  #tick(eventTimeMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, eventTimeMs)
    const alive = [...this.newest].filter(([partition]) => this.#nowMs - this.heard.get(partition)! <= 600_000)
    if (alive.length === 0) return
    const watermarkMs = Math.min(...alive.map(([, newest]) => newest))
    for (const table of this.tables.values()) table.expire(watermarkMs)
  }
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
})
