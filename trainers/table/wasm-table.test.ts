// The WebAssembly table satisfies the suite; so does the Map table, alone and as its oracle.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mapTable } from './map-table.ts'
import { describeTable } from './table.suite.ts'
import { describeTableLifecycle } from './table-lifecycle.suite.ts'
import { describeTableOracle } from './table-oracle.suite.ts'
import { wasmTable } from './wasm-table.ts'

for (const describeEach of [describeTable, describeTableLifecycle, describeTableOracle]) {
  describeEach('Map table', mapTable)
  describeEach('WebAssembly table', wasmTable)
}

describe('WebAssembly table memory', () => {
  test('is at most 40 bytes a row beyond values and state, at any fill from 50,000 rows', () => {
    const optimizer = { kind: 'rowwise-adagrad', learningRate: 0.1, initialAccumulator: 0.1, epsilon: 0 } as const
    const table = wasmTable({ name: 'weighed', dimension: 2, optimizer, initialScale: 0, seed: 0, rowsMax: 400_000 })
    const step = 2500
    for (let start = 1; start < 350_000; start += step) {
      const ids = BigUint64Array.from({ length: step }, (_, index) => BigInt(start + index))
      table.push(ids, step, new Float32Array(step * 2), new Float64Array(step))
      const beyond = table.usedBytes / table.rows - 3 * 4
      assert.ok(table.rows < 50_000 || beyond <= 40, `${beyond} bytes beyond ${table.rows} rows`)
    }
  })

  test('that could not hold the rows asked for is refused at once', () => {
    const optimizer = { kind: 'sum' } as const
    const spec = { name: 'vast', dimension: 256, optimizer, initialScale: 0, seed: 0, rowsMax: 2 ** 24 }
    assert.throws(() => wasmTable(spec), /4 GiB/)
  })
})

describe('WebAssembly table index', () => {
  test('ids chosen to share a segment are refused once it is full, and the others stay exact', () => {
    const optimizer = { kind: 'sum' } as const
    const table = wasmTable({ name: 'attacked', dimension: 1, optimizer, initialScale: 0, seed: 0, rowsMax: 8000 })
    const count = 6000
    const ids = BigUint64Array.from({ length: count }, (_, index) => idHashedTo(BigInt(index + 1)))
    const gradients = Float32Array.from(ids.keys())
    const { updated, refused } = table.push(ids, count, gradients, new Float64Array(count))
    assert.equal(updated + refused, count)
    assert.ok(updated > 2000 && refused > 0)
    const out = new Float32Array(count)
    table.pull(ids, count, out)
    assert.deepEqual(out.subarray(0, updated), gradients.subarray(0, updated))
    assert.deepEqual(table.push(BigUint64Array.of(1n), 1, Float32Array.of(1), new Float64Array(1)).updated, 1)
    table.remove(ids, 500)
    table.pull(ids.subarray(500), updated - 500, out)
    assert.deepEqual(out.subarray(0, updated - 500), gradients.subarray(500, updated))
  })
})

/** Inverse of the index's hash (Steele et al. 2014, the finalizer of SplitMix64). */
function idHashedTo(hash: bigint): bigint {
  let x = hash
  x = x ^ (x >> 31n) ^ (x >> 62n)
  x = BigInt.asUintN(64, x * 0x319642b2d24d8ec3n)
  x = x ^ (x >> 27n) ^ (x >> 54n)
  x = BigInt.asUintN(64, x * 0x96de1b173f119089n)
  return x ^ (x >> 30n) ^ (x >> 60n)
}
