// The replica against plain maps and against one that follows a single owner: whatever the buckets, repeats, late starts,
// owners and rollbacks, it holds what the newest word of each bucket's owner says.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Delta } from '../../schemas/generated.ts'
import { encodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import { decodeFeatureRow } from '../../schemas/layouts/feature-row.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { onlineTrainer } from '../online-trainer.ts'
import { CollectedOutput, PlantedWorld, plantedRecords, seededRandom } from '../planted-world.ts'
import { mapTable } from '../table/map-table.ts'
import { wasmTable } from '../table/wasm-table.ts'
import { bucketDeltas, bucketSnapshot, idsByTable, rowsRead } from './bucketed-world.ts'
import { bucketing } from './buckets.ts'
import type { ApplyResult } from './model.ts'
import { replica } from './replica.ts'
import { sampleFeatures, sampleSpec } from './sample-features.ts'
import { scorer } from './scorer.ts'

const seed = systemRuntime.randomness.seed()
const base = { spec: sampleSpec, featureSet: sampleFeatures }
const dimension = 4

/** All that is learned travels with the next delta. */
function trained() {
  const trainer = onlineTrainer({ ...base, tableFactory: wasmTable, syncsPerDense: 1 })
  const output = new CollectedOutput()
  const after: Uint8Array[] = []
  for (const record of plantedRecords(seed, 600, 25)) {
    const count = output.records.length
    trainer.step(record, output)
    if (output.records.length > count) after.push(trainer.shard.dump())
  }
  return { deltas: output.records.map(({ record }) => record as Delta), after }
}

describe('replica of many buckets', () => {
  test('holds and predicts what a replica of one bucket does', () => {
    const { deltas } = trained()
    const ids = idsByTable(deltas)
    const one = replica(sampleSpec, wasmTable)
    for (const delta of deltas) assert.equal(one.apply(delta), 'applied')
    for (const buckets of [2, 3, 5]) {
      const layout = bucketing(buckets, true)
      const userBucket = layout.rowBuckets - 1
      const many = replica(sampleSpec, wasmTable, { buckets })
      assert.deepEqual(many.bucketing, layout)
      const dealt = deltas.map((delta) => bucketDeltas(sampleSpec, delta, layout, userBucket))
      // Bucket by bucket: they have no common order.
      for (let bucket = 0; bucket < buckets; bucket++) {
        for (const shares of dealt) assert.equal(many.apply(shares[bucket]!), 'applied')
      }
      for (const [table, own] of ids) {
        assert.ok(own.length > 0)
        assert.deepEqual(rowsRead(many, table, own, userBucket), rowsRead(one, table, own), `${table}, seed ${seed}`)
      }
      assert.deepEqual(new Map(many.dense), new Map(one.dense))
      const world = new PlantedWorld(seed)
      const page = Array.from({ length: 40 }, (_, video) => world.exampleOf(3, video, ['v1', 'v7'], true))
      const query = decodeFeatureRow(page[0]!.queryFeatures)
      const rows = page.map(({ features }) => decodeFeatureRow(features))
      const [left, right] = [one, many].map((parameters) =>
        scorer({ ...base, parameters }).score(
          query,
          rows,
          new Float32Array(rows.length),
          parameters === many ? userBucket : 0,
        ),
      )
      assert.deepEqual(right, left)
      // The user's rows lie in one bucket alone.
      const user = ids.get('user')!
      if (userBucket > 0) assert.ok(rowsRead(many, 'user', user, 0).flags.every((flag) => flag === 0))
    }
  })

  test('late starts from snapshots end where those who followed from the start are, over repeats', () => {
    const { deltas, after } = trained()
    const random = seededRandom(seed)
    const ids = idsByTable(deltas)
    const layout = bucketing(3, true)
    const followed = replica(sampleSpec, wasmTable, { buckets: 3 })
    const late = replica(sampleSpec, wasmTable, { buckets: 3 })
    const dealt = deltas.map((delta) => bucketDeltas(sampleSpec, delta, layout))
    for (let bucket = 0; bucket < 3; bucket++) {
      for (const shares of dealt) followed.apply(shares[bucket]!)
      const cut = Math.floor(random() * (deltas.length - 1))
      const owner = replica(sampleSpec, mapTable)
      owner.load(0, after[cut]!)
      const { version } = deltas[cut]!
      const snapshot = bucketSnapshot({ spec: sampleSpec, layout, bucket, parameters: owner, ids, version })
      if (cut > 0) assert.equal(late.apply(dealt[cut]![bucket]!), 'gap')
      assert.equal(late.load(bucket, snapshot), true)
      assert.equal(late.versionOf(bucket), version)
      for (const [index, shares] of dealt.entries()) {
        const outcome = late.apply(shares[bucket]!)
        assert.equal(outcome, index <= cut ? 'stale' : 'applied')
        // A producer that restarted repeats some.
        const again = Math.floor(random() * (index + 1))
        assert.equal(late.apply(dealt[again]![bucket]!), 'stale')
      }
      // Older than what is there: it must not take anything back.
      const before = late.dump()
      assert.equal(late.load(bucket, snapshot), cut === deltas.length - 1)
      if (cut < deltas.length - 1) assert.deepEqual(late.dump(), before)
    }
    assert.equal(late.version, followed.version)
    for (const [table, own] of ids) assert.deepEqual(rowsRead(late, table, own), rowsRead(followed, table, own), table)
    assert.deepEqual(new Map(late.dense), new Map(followed.dense))
    assert.deepEqual(late.dump(), followed.dump())
  })

  test('follows epochs, lineages, versions and tombstones as plain maps do, over any sequence', () => {
    const word = fc.record({
      kind: fc.constantFrom('delta' as const, 'delta' as const, 'delta' as const, 'snapshot' as const),
      bucket: fc.nat(2),
      epoch: fc.nat(3),
      lineage: fc.nat(2),
      baseVersion: fc.nat(8),
      step: fc.integer({ min: 1, max: 3 }),
      rows: fc.uniqueArray(fc.record({ row: fc.nat(4), value: fc.nat(9) }), { selector: ({ row }) => row }),
      removed: fc.uniqueArray(fc.nat(4)),
    })
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (words) => {
        const followed = replica(sampleSpec, mapTable, { buckets: 4 })
        const oracle = Array.from({ length: 3 }, () => ({
          version: 0,
          epoch: 0,
          lineage: 0,
          rows: new Map<bigint, number>(),
        }))
        for (const { kind, bucket, epoch, lineage, baseVersion, step, rows, removed } of words) {
          const own = oracle[bucket]!
          const version = baseVersion + step
          const valueById = new Map(rows.map(({ row, value }) => [idIn(bucket, row), value]))
          if (kind === 'snapshot') {
            const isTaken = lineage > own.lineage || (lineage === own.lineage && version >= own.version)
            assert.equal(followed.load(bucket, snapshotOf(bucket, version, lineage, valueById)), isTaken)
            if (isTaken) Object.assign(own, { version, lineage, rows: valueById })
          } else {
            const gone = removed.map((row) => idIn(bucket, row))
            const delta = { ...deltaOf(bucket, valueById, gone), epoch, lineage, baseVersion, version }
            const outcome = outcomeFor(own, delta)
            assert.equal(followed.outcomeOf(delta), outcome)
            assert.equal(followed.apply(delta), outcome)
            if (outcome === 'applied') {
              for (const id of gone) own.rows.delete(id)
              for (const [id, value] of valueById) own.rows.set(id, value)
              Object.assign(own, { version, epoch })
            }
          }
          assert.equal(followed.versionOf(bucket), own.version)
        }
        const all = oracle.flatMap((_, bucket) => Array.from({ length: 5 }, (_, row) => idIn(bucket, row)))
        const { values, flags } = rowsRead(followed, 'item', BigUint64Array.from(all))
        for (const [index, id] of all.entries()) {
          const own = oracle[Math.floor(index / 5)]!.rows
          assert.equal(flags[index], Number(own.has(id)))
          if (own.has(id)) assert.equal(values[index * dimension], own.get(id))
        }
        const again = replica(sampleSpec, mapTable, { buckets: 4 })
        again.restore(followed.dump())
        assert.deepEqual(again.dump(), followed.dump())
        assert.deepEqual(rowsRead(again, 'item', BigUint64Array.from(all)).values, values)
      }),
      { numRuns: 150 },
    )
  })

  test('evicts nothing by itself, and counts rows that it cannot take', () => {
    const tables = sampleSpec.tables.map((table) => ({ ...table, rowsMax: 8 }))
    const followed = replica({ ...sampleSpec, tables }, mapTable, { buckets: 4 })
    const first = new Map(Array.from({ length: 8 }, (_, row) => [idIn(0, row), row] as const))
    const more = new Map(Array.from({ length: 8 }, (_, row) => [idIn(0, row + 8), row] as const))
    followed.apply({ ...deltaOf(0, first, []), version: 1 })
    // The owner let go of the first, and says so with the next delta only.
    followed.apply({ ...deltaOf(0, more, []), baseVersion: 1, version: 2 })
    assert.equal(followed.tablesOf(0).get('item')!.rows, 16)
    followed.apply({ ...deltaOf(0, new Map(), [...first.keys()]), baseVersion: 2, version: 3 })
    assert.equal(followed.tablesOf(0).get('item')!.rows, 8)
    assert.equal(followed.rowsRefused, 0)
    followed.apply({ ...deltaOf(0, new Map([[idIn(0, 30), Number.NaN]]), []), baseVersion: 3, version: 4 })
    assert.equal(followed.rowsRefused, 1)
  })

  test('what does not fit is refused and changes nothing', () => {
    const followed = replica(sampleSpec, mapTable, { buckets: 3 })
    const delta = { ...deltaOf(0, new Map([[idIn(0, 1), 1]]), []), baseVersion: 0, version: 1 }
    const dense = [{ name: 'w', shape: [1], values: encodeFloats(Float32Array.of(1)) }]
    const before = followed.dump()
    for (const bad of [
      { ...delta, bucket: 3 },
      { ...delta, bucket: -1 },
      { ...delta, model: 'another' },
      { ...delta, dense },
      { ...delta, tables: [{ ...delta.tables[0]!, table: 'unheard' }] },
      { ...delta, tables: [{ ...delta.tables[0]!, dimension: 3 }] },
    ]) {
      assert.throws(() => followed.apply(bad), RangeError)
    }
    assert.throws(() => followed.load(1, snapshotOf(0, 1, 0, new Map())), RangeError)
    assert.throws(() => replica(sampleSpec, mapTable, { buckets: 2 }).restore(before), RangeError)
    assert.deepEqual(followed.dump(), before)
    assert.throws(() => followed.rows('unheard', 0))
    assert.throws(() => followed.rows('user', 2))
  })
})

/** A row of the item side that lies in the bucket of three. */
const idIn = (bucket: number, row: number): bigint => (BigInt(bucket + 3) << 32n) | BigInt(row + 1)

function outcomeFor(own: { version: number; epoch: number; lineage: number }, delta: Delta): ApplyResult {
  if (delta.epoch < own.epoch || delta.lineage < own.lineage) return 'stale'
  if (delta.lineage > own.lineage) return 'gap'
  if (delta.version <= own.version) return 'stale'
  return delta.baseVersion > own.version ? 'gap' : 'applied'
}

function deltaOf(bucket: number, valueById: ReadonlyMap<bigint, number>, gone: readonly bigint[]): Delta {
  const ids = BigUint64Array.from(valueById.keys())
  const values = Float32Array.from([...valueById.values()].flatMap((value) => Array<number>(dimension).fill(value)))
  const rows = encodeDeltaRows({ ids, eventTimesMs: new Float64Array(ids.length).fill(1), values }, true)
  const tombstones = new Uint8Array(BigUint64Array.from(gone).buffer)
  return {
    type: 'Delta',
    model: sampleSpec.model,
    bucket,
    epoch: 0,
    baseVersion: 0,
    version: 1,
    trainedThrough: {},
    eventTimeMs: 0,
    receivedTimes: [],
    tables: [{ table: 'item', dimension, half: true, rows, tombstones }],
    dense: [],
    lineage: 0,
  }
}

function snapshotOf(bucket: number, version: number, lineage: number, valueById: ReadonlyMap<bigint, number>) {
  const owner = replica(sampleSpec, mapTable, { buckets: 4 })
  owner.apply({ ...deltaOf(bucket, valueById, []), version })
  const ids = new Map([['item', BigUint64Array.from(valueById.keys())]])
  const layout = bucketing(4, true)
  return bucketSnapshot({ spec: sampleSpec, layout, bucket, parameters: owner, ids, version, lineage })
}
