// Any calls leave a table with the same answers and the same bytes as the Map table.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mapTable } from './map-table.ts'
import type { OptimizerSpec, Table, TableSpec } from './table.ts'
import { baseSpec, idsFrom, optimizers, pulled, pushed } from './table-rig.ts'
import { optimizerKinds } from './table-spec.ts'

export function describeTableOracle(name: string, makeTable: (spec: TableSpec) => Table): void {
  describe(`${name}: equals the Map table`, () => {
    for (const kind of optimizerKinds) {
      test(`through any calls: ${kind}`, () => equalsReference(makeTable, optimizers[kind]))
    }

    test('while thousands of rows come and go', () => {
      const spec = { ...baseSpec, dimension: 3, rowsMax: 12_000 }
      const table = makeTable(spec)
      const reference = mapTable(spec)
      for (let round = 0; round < 30; round++) {
        const ids = idsFrom(1 + ((round * 7919) % 20_000), 2000)
        const gone = idsFrom(1 + ((round * 5417) % 20_000), 900)
        for (const each of [table, reference]) each.remove(gone, gone.length)
        const outcome = pushed(table, [...ids], round - 15, round)
        assert.deepEqual(outcome, pushed(reference, [...ids], round - 15, round))
        if (round % 10 === 9) assert.deepEqual(table.drainTouched(), reference.drainTouched())
      }
      assert.ok(Buffer.from(table.dump()).equals(reference.dump()))
    })
  })
}

type Step =
  | { readonly call: 'push' | 'set'; readonly ids: bigint[]; readonly timeMs: number; readonly floats: number[] }
  | { readonly call: 'remove' | 'pull'; readonly ids: bigint[] }
  | { readonly call: 'expire'; readonly timeMs: number }
  | { readonly call: 'drain' | 'reload' }

const anyId = fc.oneof(fc.bigInt(0n, 40n), fc.bigInt(0n, 2n ** 64n - 1n))
const anyIds = fc.array(anyId, { maxLength: 40 })
const anyFloat = fc.oneof({ weight: 30, arbitrary: fc.float({ noNaN: true, min: -8, max: 8 }) }, fc.float())
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constantFrom('push' as const, 'push' as const, 'set' as const),
      ids: anyIds,
      timeMs: fc.oneof(fc.integer({ min: -1000, max: 9000 }), fc.double()),
      floats: fc.array(anyFloat, { minLength: 1, maxLength: 40 }),
    }),
  },
  fc.record({ call: fc.constantFrom('remove' as const, 'pull' as const), ids: anyIds }),
  fc.record({ call: fc.constant('expire' as const), timeMs: fc.integer({ min: -1000, max: 10_000 }) }),
  fc.record({ call: fc.constantFrom('drain' as const, 'reload' as const) }),
)

function equalsReference(makeTable: (spec: TableSpec) => Table, optimizer: OptimizerSpec): void {
  const shape = fc.record({
    dimension: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 256 })),
    rowsMax: fc.integer({ min: 1, max: 60 }),
    seed: fc.nat(),
    initialScale: fc.constantFrom(0, 0.01, 1),
    admission: fc.constantFrom(null, { occurrences: 2, counters: 16 }, { occurrences: 4, counters: 100 }),
    expiresAfterMs: fc.constantFrom(null, 0, 1000),
  })
  const property = fc.property(shape, fc.array(anyStep, { maxLength: 12 }), (partial, steps) => {
    const spec = { name: 'any', optimizer, ...partial }
    const table = makeTable(spec)
    const reference = mapTable(spec)
    for (const step of steps) {
      assert.deepEqual(apply(table, step), apply(reference, step))
      assert.equal(table.rows, reference.rows)
      assert.ok(Buffer.from(table.dump()).equals(reference.dump()), 'dumps differ')
    }
    assert.deepEqual(table.drainTouched(), reference.drainTouched())
    assert.deepEqual(table.drainRemoved(), reference.drainRemoved())
  })
  fc.assert(property, { numRuns: 200 })
}

/** What the call shows, as plain bytes and numbers. */
function apply(table: Table, step: Step): unknown {
  if (step.call === 'expire') return table.expire(step.timeMs)
  if (!('ids' in step)) {
    return step.call === 'reload' ? table.load(table.dump()) : [table.drainTouched(), table.drainRemoved()]
  }
  const ids = BigUint64Array.from(step.ids)
  if (!('floats' in step)) return step.call === 'pull' ? shown(table, ids) : table.remove(ids, ids.length)
  const width = ids.length * table.spec.dimension
  const floats = Float32Array.from({ length: width }, (_, index) => step.floats[index % step.floats.length]!)
  const times = Float64Array.from(ids, (_, index) => step.timeMs + (index % 5))
  if (step.call === 'set') return table.set(ids, ids.length, floats, times)
  const occurrences = step.floats.length % 2 === 0 ? undefined : Uint32Array.from(ids, (_, index) => 1 + (index % 3))
  const existed = new Uint8Array(ids.length)
  return [table.push(ids, ids.length, floats, times, occurrences, existed), existed]
}

function shown(table: Table, ids: BigUint64Array): unknown {
  const flags = new Uint8Array(ids.length)
  const times = new Float64Array(ids.length)
  table.contains(ids, ids.length, flags)
  table.eventTimes(ids, ids.length, times)
  return [Buffer.from(pulled(table, ids).buffer).toString('hex'), flags, times]
}
