// What every table must do, run against a factory; the model-based part compares it with the Map table byte for byte.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mapTable } from './map-table.ts'
import type { OptimizerSpec, Table, TableSpec } from './table.ts'

const optimizers: readonly OptimizerSpec[] = [
  { kind: 'adagrad', learningRate: 0.05, initialAccumulator: 1e-5, epsilon: 1e-8 },
  { kind: 'sgd', learningRate: 0.1 },
  { kind: 'sum' },
  { kind: 'decayed-sum', halfLifeMs: 1000 },
]
const baseSpec: TableSpec = {
  name: 'tested',
  dimension: 5,
  optimizer: optimizers[0]!,
  initialScale: 0.1,
  seed: 7,
  rowsMax: 1000,
}

export function describeTable(name: string, makeTable: (spec: TableSpec) => Table): void {
  describe(name, () => {
    for (const optimizer of optimizers) {
      test(`equals the Map table through any calls: ${optimizer.kind}`, () => equalsReference(makeTable, optimizer))
    }

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
      assert.deepEqual(pushed(table, [0n, 5n], 1), { updated: 1, refused: 0 })
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
            assert.deepEqual(result, { updated: 2, refused: 1 })
            assert.deepEqual([...table.drainTouched()], [1n, 3n])
          }
        }
      }
      const table = makeTable(baseSpec)
      const times = Float64Array.of(Number.NaN)
      assert.equal(table.push(BigUint64Array.of(1n), 1, new Float32Array(5), times).refused, 1)
      assert.equal(table.set(BigUint64Array.of(1n), 1, new Float32Array(5).fill(Number.NaN), times).refused, 1)
      assert.equal(table.rows, 0)
    })

    test('no accepted gradients make a row that is not finite', () => {
      for (const optimizer of optimizers) {
        const table = makeTable({ ...baseSpec, optimizer })
        for (let round = 0; round < 50; round++) pushed(table, [1n], round % 2 === 0 ? 2 ** 63 : -(2 ** 63))
        pushed(table, [1n], 1e-45)
        assert.ok(pulled(table, BigUint64Array.of(1n)).every(Number.isFinite), optimizer.kind)
      }
    })

    test('a full table refuses new ids, still updates old ones, and takes new ones after a removal', () => {
      const table = makeTable({ ...baseSpec, rowsMax: 3 })
      assert.deepEqual(pushed(table, [1n, 2n, 3n, 4n], 1), { updated: 3, refused: 1 })
      assert.deepEqual(pushed(table, [4n, 2n], 1), { updated: 1, refused: 1 })
      table.remove(BigUint64Array.of(2n, 9n), 2)
      assert.equal(table.rows, 2)
      assert.deepEqual(pushed(table, [4n], 1), { updated: 1, refused: 0 })
      assert.deepEqual([...table.drainTouched()], [1n, 3n, 4n])
      const fresh = makeTable({ ...baseSpec, rowsMax: 3 })
      pushed(fresh, [4n], 1)
      assert.deepEqual(pulled(table, BigUint64Array.of(4n, 2n)), pulled(fresh, BigUint64Array.of(4n, 2n)))
    })

    test('a decayed sum halves per half-life of event time, and a late event does not decay', () => {
      const spec = { ...baseSpec, dimension: 1, initialScale: 0, optimizer: optimizers[3]! }
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
      const table = makeTable({ ...baseSpec, dimension: 3, initialScale: 0, optimizer: optimizers[2]! })
      for (let round = 0; round < 1000; round++) pushed(table, [1n, 2n], round)
      assert.deepEqual([...pulled(table, BigUint64Array.of(2n))], [499_500, 499_500, 499_500])
    })

    test('set writes values and times, keeps optimizer state, and touches', () => {
      const table = makeTable(baseSpec)
      const ids = BigUint64Array.of(3n, 1n)
      const values = Float32Array.from({ length: 10 }, (_, index) => index)
      pushed(table, [3n], 2, 50)
      const [stateBefore] = stateOf(table)
      assert.deepEqual(table.set(ids, 2, values, Float64Array.of(40, 60)), { updated: 2, refused: 0 })
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

    test('a dump that does not fit is refused and changes nothing', () => {
      const table = makeTable(baseSpec)
      pushed(table, [1n, 2n], 1)
      const bytes = table.dump()
      const swapped = bytes.slice()
      swapped.copyWithin(32, 40, 48)
      const notFinite = bytes.slice()
      new DataView(notFinite.buffer).setFloat32(bytes.length - 4, Number.NaN, true)
      const foreign = makeTable({ ...baseSpec, optimizer: optimizers[2]! }).dump()
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

    test('equals the Map table while thousands of rows come and go', () => {
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

    test('grows past 200,000 rows without losing one', () => {
      const rowCount = 210_000
      const spec = { ...baseSpec, dimension: 2, rowsMax: rowCount, optimizer: optimizers[2]!, initialScale: 0 }
      const table = makeTable(spec)
      const ids = idsFrom(1, rowCount)
      const gradients = Float32Array.from({ length: rowCount * 2 }, (_, index) => index)
      assert.deepEqual(table.push(ids, rowCount, gradients, new Float64Array(rowCount)), {
        updated: rowCount,
        refused: 0,
      })
      assert.equal(table.rows, rowCount)
      assert.ok(Buffer.from(pulled(table, ids).buffer).equals(Buffer.from(gradients.buffer)))
      assert.equal(pushed(table, [1_000_000_000n], 1).refused, 1)
      const found = new Uint8Array(rowCount)
      table.contains(ids, rowCount, found)
      assert.ok(found.every((flag) => flag === 1))
      assert.deepEqual(table.drainTouched(), ids.slice().sort())
    })
  })
}

/** Ids with few bits in common so that segments, chunks and 64-bit order are all crossed; `start` makes them distinct. */
function idsFrom(start: number, count: number): BigUint64Array {
  const odd = 0x9e3779b97f4a7c15n
  return BigUint64Array.from({ length: count }, (_, index) => BigInt(start + index) * odd)
}

function pulled(table: Table, ids: BigUint64Array): Float32Array {
  const out = new Float32Array(ids.length * table.spec.dimension)
  table.pull(ids, ids.length, out)
  return out
}

function pushed(table: Table, ids: readonly bigint[], gradient: number, eventTimeMs = 0) {
  const gradients = new Float32Array(ids.length * table.spec.dimension).fill(gradient)
  return table.push(BigUint64Array.from(ids), ids.length, gradients, new Float64Array(ids.length).fill(eventTimeMs))
}

/** First state column of each row, ascending by id, from the dump's last column block. */
function stateOf(table: Table): number[] {
  const { dimension } = table.spec
  const bytes = table.dump()
  const floats = new Float32Array(bytes.buffer, 32 + table.rows * 16)
  return Array.from({ length: table.rows }, (_, index) => floats[index * 2 * dimension + dimension]!)
}

function mapLoaded(spec: TableSpec, bytes: Uint8Array): Table {
  const table = mapTable(spec)
  table.load(bytes)
  return table
}

type Step =
  | { readonly call: 'push' | 'set'; readonly ids: bigint[]; readonly timeMs: number; readonly floats: number[] }
  | { readonly call: 'remove' | 'pull'; readonly ids: bigint[] }
  | { readonly call: 'drain' | 'reload' }

const anyId = fc.oneof(fc.bigInt(0n, 40n), fc.bigInt(0n, 2n ** 64n - 1n))
const anyIds = fc.uniqueArray(anyId, { maxLength: 30 })
const anyFloat = fc.oneof({ weight: 30, arbitrary: fc.float({ noNaN: true, min: -8, max: 8 }) }, fc.float())
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    call: fc.constantFrom('push' as const, 'set' as const),
    ids: anyIds,
    timeMs: fc.oneof(fc.integer({ min: -1000, max: 9000 }), fc.double()),
    floats: fc.array(anyFloat, { minLength: 1, maxLength: 40 }),
  }),
  fc.record({ call: fc.constantFrom('remove' as const, 'pull' as const), ids: anyIds }),
  fc.record({ call: fc.constantFrom('drain' as const, 'reload' as const) }),
)

function equalsReference(makeTable: (spec: TableSpec) => Table, optimizer: OptimizerSpec): void {
  const shape = fc.record({
    dimension: fc.integer({ min: 1, max: 9 }),
    rowsMax: fc.integer({ min: 1, max: 60 }),
    seed: fc.nat(),
    initialScale: fc.constantFrom(0, 0.01, 1),
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
  })
  fc.assert(property, { numRuns: 300 })
}

/** What the call shows, as plain bytes and numbers. */
function apply(table: Table, step: Step): unknown {
  if (!('ids' in step)) return step.call === 'drain' ? table.drainTouched() : table.load(table.dump())
  const ids = BigUint64Array.from(step.ids)
  if (!('floats' in step)) return step.call === 'pull' ? shown(table, ids) : table.remove(ids, ids.length)
  const width = ids.length * table.spec.dimension
  const floats = Float32Array.from({ length: width }, (_, index) => step.floats[index % step.floats.length]!)
  const times = Float64Array.from(ids, (_, index) => step.timeMs + index)
  return table[step.call](ids, ids.length, floats, times)
}

function shown(table: Table, ids: BigUint64Array): unknown {
  const flags = new Uint8Array(ids.length)
  const times = new Float64Array(ids.length)
  table.contains(ids, ids.length, flags)
  table.eventTimes(ids, ids.length, times)
  return [Buffer.from(pulled(table, ids).buffer).toString('hex'), flags, times]
}
