// How rows come and go: admission, expiry, and what a full table does.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Table, TableSpec } from './table.ts'
import { baseSpec, idsFrom, mapLoaded, none, optimizers, pulled, pushed } from './table-rig.ts'

export function describeTableLifecycle(name: string, makeTable: (spec: TableSpec) => Table): void {
  describe(`${name}: rows come and go`, () => {
    test('a full table makes room by removing the oldest rows, ties by id, and tells which', () => {
      const table = makeTable({ ...baseSpec, rowsMax: 3 })
      assert.deepEqual(pushed(table, [7n, 5n], 1, 20), { ...none, updated: 2 })
      assert.deepEqual(pushed(table, [6n, 4n], 1, 30), { ...none, updated: 2, evicted: 1 })
      assert.deepEqual([...table.drainRemoved()], [5n])
      assert.deepEqual(pushed(table, [6n], 1, 40), { ...none, updated: 1 })
      assert.deepEqual(pushed(table, [5n, 8n], 1, 10), { ...none, updated: 2, evicted: 2 })
      assert.deepEqual([...table.drainRemoved()], [5n, 7n])
      assert.deepEqual([...table.drainTouched()], [4n, 6n, 8n])
      const fresh = makeTable({ ...baseSpec, rowsMax: 3 })
      pushed(fresh, [7n], 1, 20)
      pushed(table, [7n], 1, 20)
      const ids = BigUint64Array.of(7n)
      assert.deepEqual(pulled(table, ids), pulled(fresh, ids))
      assert.equal(table.rows, 3)
    })

    test('a sixteenth of a slice leaves at once, and which rows go does not depend on the past', () => {
      const spec = { ...baseSpec, dimension: 1, rowsMax: 20_000, optimizer: optimizers.sum, initialScale: 0 }
      const table = makeTable(spec)
      assert.equal(table.sliceCount, 2)
      const ids = idsFrom(1, 19_500)
      const times = Float64Array.from(ids, (_, index) => (index * 7919) % 1009)
      table.push(ids, ids.length, new Float32Array(ids.length).fill(1), times)
      const loaded = makeTable(spec)
      loaded.load(table.dump())
      const later = idsFrom(50_000, 5000)
      const outcomes = [table, loaded, mapLoaded(spec, table.dump())].map((each) => {
        const outcome = pushed(each, [...later], 1, 500)
        return { outcome, removed: each.drainRemoved(), dump: Buffer.from(each.dump()).toString('base64') }
      })
      assert.ok(outcomes[0]!.outcome.evicted >= 5000 - 500)
      for (const other of outcomes.slice(1)) {
        assert.deepEqual(other.outcome, outcomes[0]!.outcome)
        assert.deepEqual(other.removed, outcomes[0]!.removed)
        assert.ok(other.dump === outcomes[0]!.dump, 'dumps differ')
      }
      assert.ok(table.rows <= spec.rowsMax)
    })

    test('rows expire by event time, slice by slice, and come back afresh', () => {
      const spec = { ...baseSpec, rowsMax: 20_000, expiresAfterMs: 100 }
      const table = makeTable(spec)
      const ids = idsFrom(1, 500)
      pushed(table, [...ids], 1, 1000)
      pushed(table, [...ids.subarray(0, 200)], 1, 1050)
      assert.equal(table.expire(1100), 0)
      const expired = Array.from({ length: table.sliceCount }, (_, slice) => table.expire(1100.5, slice))
      assert.equal(expired[0]! + expired[1]!, 300)
      assert.ok(expired[0]! > 50 && expired[1]! > 50)
      assert.equal(table.drainTouched().length, 200)
      pushed(table, [ids[499]!], 1, 1101)
      assert.deepEqual(table.drainRemoved(), ids.slice(200, 499).sort())
      assert.equal(table.drainRemoved().length, 0)
      const fresh = makeTable(spec)
      pushed(fresh, [ids[499]!], 1, 1101)
      assert.deepEqual(pulled(table, ids.subarray(499)), pulled(fresh, ids.subarray(499)))
      assert.equal(makeTable(baseSpec).expire(1e12), 0)
      assert.throws(() => table.expire(1e12, table.sliceCount), /no slice/)
    })

    test('an id gets its row with the occurrence that reaches the threshold, and again after it lost it', () => {
      for (const occurrences of [2, 15, 16, 255, 65_535]) {
        const table = makeTable({ ...baseSpec, admission: { occurrences, counters: 1000 }, expiresAfterMs: 1 })
        for (const round of [1, 2]) {
          const ids = BigUint64Array.of(3n, 4n)
          const seen = Uint32Array.of(occurrences - 1, 1)
          const gradients = new Float32Array(10).fill(1)
          assert.deepEqual(table.push(ids, 2, gradients, new Float64Array(2), seen), { ...none, unadmitted: 2 })
          assert.equal(table.rows, 0)
          assert.deepEqual(pushed(table, [3n], 1, round), { ...none, updated: 1 })
          assert.deepEqual(pushed(table, [3n], 1, round), { ...none, updated: 1 })
          assert.equal(table.expire(round + 2), 1)
          table.remove(ids, 2)
          if (occurrences === 2) assert.equal(pushed(table, [4n], 1, round).updated, 1)
          table.remove(ids, 2)
        }
      }
      const table = makeTable({ ...baseSpec, admission: { occurrences: 5, counters: 16 } })
      assert.deepEqual(table.set(BigUint64Array.of(1n), 1, new Float32Array(5), new Float64Array(1)).updated, 1)
    })

    test('few ids are admitted before their time, and the last seen are remembered', () => {
      const counters = 4096
      const table = makeTable({ ...baseSpec, dimension: 1, admission: { occurrences: 2, counters } })
      let early = 0
      const ids = idsFrom(1, 40_000)
      for (let start = 0; start < ids.length; start += 250) {
        early += pushed(table, [...ids.subarray(start, start + 250)], 1).updated
      }
      assert.ok(early <= ids.length * 0.001, `${early} of ${ids.length}`)
      const again = pushed(table, [...ids.subarray(ids.length - counters / 2)], 1).updated
      assert.ok(again > 0.98 * (counters / 2), `${again} of ${counters / 2} remembered`)
      assert.ok(pushed(table, [...ids.subarray(0, counters)], 1).updated < 0.01 * counters)
    })

    test('admission counts are part of a dump', () => {
      const spec = { ...baseSpec, admission: { occurrences: 3, counters: 50 } }
      const table = makeTable(spec)
      pushed(table, [1n, 2n, 1n, 3n, 3n, 3n], 1)
      const loaded = makeTable(spec)
      pushed(loaded, [2n, 4n], 1)
      loaded.load(table.dump())
      for (const each of [table, loaded]) {
        assert.deepEqual(pushed(each, [1n, 2n, 4n], 1), { ...none, updated: 1, unadmitted: 2 })
      }
      assert.ok(Buffer.from(table.dump()).equals(loaded.dump()))
    })
  })
}
