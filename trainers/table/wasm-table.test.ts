// The WebAssembly table satisfies the suite; so does the Map table, alone and as its oracle.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mapTable } from './map-table.ts'
import { describeTable } from './table.suite.ts'
import { wasmTable } from './wasm-table.ts'

describeTable('Map table', mapTable)
describeTable('WebAssembly table', wasmTable)

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
