// The shard's deltas: bounded ones send new rows and large moves first and lose nothing; values that are no numbers stay out.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Delta } from '../../schemas/generated.ts'
import { decodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import { replica } from '../model/replica.ts'
import { sampleSpec } from '../model/sample-features.ts'
import { mapTable } from '../table/map-table.ts'
import { ParameterShard } from './parameter-shard.ts'

const dimension = 4
const weights = { name: 'w', shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) }
const newShard = (rowsPerDeltaMax = 1_000) =>
  new ParameterShard({ spec: sampleSpec, tableFactory: mapTable, rowsPerDeltaMax, dense: new Map([['w', weights]]) })

const progress = (version: number) => ({ version, trainedThrough: {}, eventTimeMs: version, receivedTimes: [] })

function push(shard: ParameterShard, rows: readonly (readonly [bigint, number])[], table = 'item'): void {
  const ids = BigUint64Array.from(rows, ([id]) => id)
  const gradients = Float32Array.from(rows.flatMap(([, size]) => Array<number>(dimension).fill(size)))
  shard.push(table, ids, ids.length, gradients, new Float64Array(ids.length).fill(5))
}

const idsOf = (delta: Delta | null, table = 'item'): bigint[] => {
  const change = delta?.tables.find((own) => own.table === table)
  return change ? [...decodeDeltaRows(change.rows, dimension, change.half).ids] : []
}

describe('parameter shard', () => {
  test('sends new rows first, then the farthest moved, and the rest with the next delta', () => {
    const shard = newShard(3)
    push(shard, [[1n, 1], [2n, 1], [3n, 1]]) // biome-ignore format: a row each
    assert.deepEqual(idsOf(shard.takeDelta(progress(1))), [1n, 2n, 3n])
    push(shard, [[1n, 0.1], [2n, 5], [3n, 2], [9n, 0.01]]) // biome-ignore format: a row each
    assert.deepEqual(idsOf(shard.takeDelta(progress(2))), [2n, 3n, 9n])
    assert.deepEqual(idsOf(shard.takeDelta(progress(3))), [1n])
    assert.equal(shard.takeDelta(progress(4)), null)
  })

  test('a delta starts where the last one that was taken ended', () => {
    const shard = newShard()
    push(shard, [[1n, 1]])
    shard.takeDelta(progress(10))
    assert.equal(shard.takeDelta(progress(20)), null)
    push(shard, [[2n, 1]])
    assert.equal(shard.takeDelta(progress(30))!.baseVersion, 10)
  })

  test('a replica of bounded deltas ends equal to one of a snapshot', () => {
    const anyPushes = fc.array(
      fc.uniqueArray(fc.tuple(fc.bigInt(1n, 30n), fc.integer({ min: -3, max: 3 })), {
        selector: ([id]) => id,
        maxLength: 9,
      }),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(anyPushes, fc.integer({ min: 1, max: 6 }), (pushes, limit) => {
        const shard = newShard(limit)
        const [followed, loaded] = [replica(sampleSpec, mapTable), replica(sampleSpec, mapTable)]
        let version = 1
        const sync = () => {
          const delta = shard.takeDelta(progress(version++))
          if (delta) assert.equal(followed.apply(delta), 'applied')
          return delta
        }
        for (const rows of pushes) {
          push(shard, rows)
          sync()
        }
        while (sync());
        loaded.load(0, shard.dump())
        for (const [name, table] of followed.tablesOf(0))
          assert.deepEqual(loaded.tablesOf(0).get(name)!.dump(), table.dump())
        assert.equal(loaded.version, followed.version)
      }),
      { numRuns: 40 },
    )
  })

  test('a refused gradient leaves no row and no delta', () => {
    const shard = newShard()
    push(shard, [[7n, Number.NaN]])
    assert.equal(shard.takeDelta(progress(1)), null)
    assert.equal(shard.pushDense('w', Float32Array.of(0, 1, Number.POSITIVE_INFINITY, 0)), false)
    assert.equal(shard.takeDelta(progress(2)), null)
  })

  test('dense tensors learn by AdaGrad and travel at their own cadence', () => {
    const shard = newShard()
    const before = shard.dense.get('w')!
    assert.equal(shard.pushDense('w', Float32Array.of(0, 3, 0, 0)), true)
    const after = shard.dense.get('w')!
    assert.notEqual(after, before)
    assert.ok(Math.abs(after.values[1]! - (2 - (0.01 * 3) / Math.sqrt(9.01))) < 1e-6)
    assert.equal(shard.takeDelta(progress(1))!.dense.length, 1)
    shard.pushDense('w', Float32Array.of(1, 0, 0, 0))
    assert.deepEqual(
      [2, 3, 4, 5].map((version) => shard.takeDelta(progress(version))?.dense.length ?? 0),
      [0, 0, 0, 1],
    )
  })

  test('a dump of another spec is refused', () => {
    const other = new ParameterShard({ spec: { ...sampleSpec, seed: 99 }, tableFactory: mapTable })
    assert.throws(() => newShard().load(other.dump()), RangeError)
    assert.throws(() => newShard().load(new Uint8Array(40)), RangeError)
    assert.throws(() => replica(sampleSpec, mapTable).load(0, other.dump()), RangeError)
  })
})
