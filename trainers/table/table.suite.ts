// What every table must do with rows that are there, run against a factory.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Table, TableSpec } from './table.ts'
import { baseSpec, idsFrom, mapLoaded, none, optimizers, pulled, pushed, stateOf } from './table-rig.ts'

export function describeTable(name: string, makeTable: (spec: TableSpec) => Table): void {
  describe(name, () => {
    test('initial values come from id and seed, within the scale, and a pull makes no row', () => {
      const table = makeTable({ ...baseSpec, dimension: 32 })
      const ids = idsFrom(1, 300)
      const first = pulled(table, ids)
      assert.ok(first.every((value) => value !== 0 && Math.abs(value) <= 0.1))
      assert.ok(Math.abs(first.reduce((sum, value) => sum + value, 0) / first.length) < 0.005)
      assert.deepEqual(pulled(table, ids), first)
      assert.equal(table.rows, 0)
      assert.equal(table.drainTouched().length, 0)
      assert.notDeepEqual(pulled(makeTable({ ...baseSpec, dimension: 32, seed: 8 }), ids), first)
      assert.ok(pulled(makeTable({ ...baseSpec, initialScale: 0 }), ids).every((value) => Object.is(value, 0)))
    })

    test('id 0 is absent everywhere and not counted', () => {
      const table = makeTable(baseSpec)
      assert.deepEqual(pushed(table, [0n, 5n], 1), { ...none, updated: 1 })
      table.remove(BigUint64Array.of(0n), 1)
      assert.equal(table.rows, 1)
      assert.deepEqual([...pulled(table, BigUint64Array.of(0n))], [0, 0, 0, 0, 0])
      assert.deepEqual([...table.drainTouched()], [5n])
    })

    test('refuses rows with a NaN, infinite or enormous gradient, or such a time, and makes no row for them', () => {
      for (const dimension of [1, 4, 5, 8]) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e30]) {
          for (let column = 0; column < dimension; column++) {
            const table = makeTable({ ...baseSpec, dimension })
            const gradients = new Float32Array(3 * dimension).fill(0.5)
            gradients[dimension + column] = bad
            const result = table.push(BigUint64Array.of(1n, 2n, 3n), 3, gradients, new Float64Array(3))
            assert.deepEqual(result, { ...none, updated: 2, refused: 1, nonFinite: 1 })
            assert.deepEqual([...table.drainTouched()], [1n, 3n])
          }
        }
      }
      const table = makeTable(baseSpec)
      const times = Float64Array.of(Number.NaN)
      assert.equal(table.push(BigUint64Array.of(1n), 1, new Float32Array(5), times).badTime, 1)
      const values = new Float32Array(5).fill(Number.NaN)
      assert.equal(table.set(BigUint64Array.of(1n), 1, values, new Float64Array(1)).nonFinite, 1)
      assert.equal(table.rows, 0)
    })

    test('no accepted gradients make a row that is not finite', () => {
      for (const optimizer of Object.values(optimizers)) {
        const table = makeTable({ ...baseSpec, optimizer })
        for (let round = 0; round < 50; round++) pushed(table, [1n], round % 2 === 0 ? 2 ** 63 : -(2 ** 63))
        pushed(table, [1n], 1e-45)
        assert.ok(pulled(table, BigUint64Array.of(1n)).every(Number.isFinite), optimizer.kind)
      }
    })

    test("arrays too short for the ids are the caller's error, and change nothing", () => {
      const table = makeTable(baseSpec)
      const ids = BigUint64Array.of(1n, 2n)
      const times = new Float64Array(2)
      assert.throws(() => table.push(ids, 2, new Float32Array(9), times), /too short/)
      assert.throws(() => table.set(ids, 2, new Float32Array(9), times), /too short/)
      assert.throws(() => table.push(ids, 2, new Float32Array(10), times.subarray(1)), /too short/)
      assert.throws(() => table.pull(ids, 2, new Float32Array(9)), /too short/)
      assert.equal(table.rows, 0)
    })

    test('a repeated id is applied as often as it stands there, as in pushes of its own', () => {
      const together = makeTable(baseSpec)
      const apart = makeTable(baseSpec)
      pushed(together, [9n, 4n, 9n, 9n], 0.5)
      for (const id of [9n, 4n, 9n, 9n]) pushed(apart, [id], 0.5)
      assert.ok(Buffer.from(together.dump()).equals(apart.dump()))
    })

    test('a decayed sum halves per half-life of event time, and a late event does not decay', () => {
      const spec = { ...baseSpec, dimension: 1, initialScale: 0, optimizer: optimizers['decayed-sum'] }
      const table = makeTable(spec)
      const steps = [
        { atMs: 10_000, value: 8 },
        { atMs: 11_000, value: 4 + 8 },
        { atMs: 10_500, value: 12 + 8 },
        { atMs: 13_000, value: 5 + 8 },
        { atMs: 13_500, value: Math.fround(13 * Math.SQRT1_2) + 8 },
        { atMs: 99_000_000, value: 8 },
      ]
      for (const { atMs, value } of steps) {
        pushed(table, [1n], 8, atMs)
        assert.ok(Math.abs(pulled(table, BigUint64Array.of(1n))[0]! - value) < 1e-5)
      }
      const times = new Float64Array(2)
      table.eventTimes(BigUint64Array.of(1n, 2n), 2, times)
      assert.deepEqual([...times], [99_000_000, 0])
    })

    test('sums count exactly', () => {
      const table = makeTable({ ...baseSpec, dimension: 3, initialScale: 0, optimizer: optimizers.sum })
      for (let round = 0; round < 1000; round++) pushed(table, [1n, 2n], round)
      assert.deepEqual([...pulled(table, BigUint64Array.of(2n))], [499_500, 499_500, 499_500])
    })

    test('set writes values and times, keeps optimizer state, and touches', () => {
      const table = makeTable(baseSpec)
      const ids = BigUint64Array.of(3n, 1n)
      const values = Float32Array.from({ length: 10 }, (_, index) => index)
      pushed(table, [3n], 2, 50)
      const [stateBefore] = stateOf(table)
      assert.deepEqual(table.set(ids, 2, values, Float64Array.of(40, 60)), { ...none, updated: 2 })
      assert.deepEqual(pulled(table, ids), values)
      const times = new Float64Array(2)
      table.eventTimes(ids, 2, times)
      assert.deepEqual([...times], [40, 60])
      assert.equal(stateOf(table)[1], stateBefore)
      assert.deepEqual([...table.drainTouched()], [1n, 3n])
    })

    test('equal tables give equal dumps whatever the order and history; a loaded dump goes on identically', () => {
      const spec = { ...baseSpec, rowsMax: 10_000 }
      const table = makeTable(spec)
      const ids = idsFrom(1, 5000)
      pushed(table, [...ids], 0.25, 7)
      const other = makeTable(spec)
      pushed(other, [...idsFrom(6000, 3000)], 3, 9)
      other.remove(idsFrom(6000, 3000), 3000)
      pushed(other, [...ids].reverse(), 0.25, 7)
      const bytes = table.dump()
      assert.ok(Buffer.from(bytes).equals(other.dump()))

      const loaded = makeTable(spec)
      pushed(loaded, [77n, 1_000_000n], 5)
      const unaligned = new Uint8Array(bytes.length + 1)
      unaligned.set(bytes, 1)
      loaded.load(unaligned.subarray(1))
      assert.equal(loaded.drainTouched().length, 0)
      for (const each of [table, loaded]) pushed(each, [...idsFrom(4000, 2000)], -1.5, 8)
      assert.ok(Buffer.from(table.dump()).equals(loaded.dump()))
      assert.ok(Buffer.from(mapLoaded(spec, table.dump()).dump()).equals(table.dump()))
    })

    test('parts give the bytes of the dump, let pulls in between and notice a write', () => {
      const spec = { ...baseSpec, dimension: 40, rowsMax: 20_000, admission: { occurrences: 2, counters: 300_000 } }
      const table = makeTable(spec)
      const ids = idsFrom(1, 9000)
      for (const _ of [1, 2]) pushed(table, [...ids], 1)
      const parts: Uint8Array[] = []
      for (const part of table.dumpParts()) {
        assert.ok(part.length <= 2 ** 20)
        parts.push(part.slice())
        pulled(table, ids.subarray(0, 100))
      }
      assert.ok(parts.length > 3)
      const bytes = Buffer.concat(parts)
      assert.equal(bytes.length, table.dumpByteLength)
      assert.ok(bytes.equals(table.dump()))
      assert.throws(() => {
        for (const _ of table.dumpParts()) pushed(table, [1n], 1)
      }, /written to/)
    })

    test('a dump that does not fit is refused and changes nothing', () => {
      const table = makeTable(baseSpec)
      pushed(table, [1n, 2n], 1)
      const bytes = table.dump()
      const swapped = bytes.slice()
      const [first, second] = [bytes.slice(32, 40), bytes.slice(40, 48)]
      swapped.set(second, 32)
      swapped.set(first, 40)
      const notFinite = bytes.slice()
      new DataView(notFinite.buffer).setFloat32(bytes.length - 4, Number.NaN, true)
      const foreign = makeTable({ ...baseSpec, optimizer: optimizers.sum }).dump()
      const wider = makeTable({ ...baseSpec, dimension: 6 }).dump()
      const crowded = makeTable(baseSpec)
      pushed(crowded, [...idsFrom(1, 1000)], 1)
      const small = makeTable({ ...baseSpec, rowsMax: 1 })
      for (const wrong of [
        new Uint8Array(5),
        bytes.subarray(4),
        bytes.subarray(0, -4),
        swapped,
        notFinite,
        foreign,
        wider,
      ]) {
        assert.throws(() => table.load(wrong), RangeError)
      }
      assert.throws(() => small.load(crowded.dump()), RangeError)
      assert.ok(Buffer.from(table.dump()).equals(bytes))
    })

    test('grows past 200,000 rows without losing one', () => {
      const rowCount = 210_000
      const spec = { ...baseSpec, dimension: 2, rowsMax: 240_000, optimizer: optimizers.sum, initialScale: 0 }
      const table = makeTable(spec)
      const ids = idsFrom(1, rowCount)
      const gradients = Float32Array.from({ length: rowCount * 2 }, (_, index) => index)
      const existed = new Uint8Array(rowCount).fill(2)
      const outcome = table.push(ids, rowCount, gradients, new Float64Array(rowCount), undefined, existed)
      assert.deepEqual(outcome, { ...none, updated: rowCount })
      assert.equal(table.rows, rowCount)
      assert.ok(existed.every((flag) => flag === 0))
      assert.ok(Buffer.from(pulled(table, ids).buffer).equals(Buffer.from(gradients.buffer)))
      const found = new Uint8Array(rowCount)
      table.contains(ids, rowCount, found)
      assert.ok(found.every((flag) => flag === 1))
      assert.deepEqual(table.drainTouched(), ids.slice().sort())
    })
  })
}
