// What every table must do, run against a factory; the model-based part compares it with the Map table byte for byte.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mapTable } from './map-table.ts'
import type { OptimizerSpec, Table, TableSpec } from './table.ts'
import { readTableDump } from './table-dump.ts'
import { optimizerKinds } from './table-spec.ts'

const optimizers: { readonly [Kind in OptimizerSpec['kind']]: Extract<OptimizerSpec, { kind: Kind }> } = {
  adagrad: { kind: 'adagrad', learningRate: 0.05, initialAccumulator: 1e-5, epsilon: 1e-8 },
  sgd: { kind: 'sgd', learningRate: 0.1 },
  sum: { kind: 'sum' },
  'decayed-sum': { kind: 'decayed-sum', halfLifeMs: 1000 },
  'rowwise-adagrad': { kind: 'rowwise-adagrad', learningRate: 0.05, initialAccumulator: 0, epsilon: 1e-6 },
  adam: { kind: 'adam', learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  ftrl: { kind: 'ftrl', alpha: 0.1, beta: 1, l1: 0.5, l2: 0.1 },
}
const baseSpec: TableSpec = {
  name: 'tested',
  dimension: 5,
  optimizer: optimizers.adagrad,
  initialScale: 0.1,
  seed: 7,
  rowsMax: 1000,
}

export function describeTable(name: string, makeTable: (spec: TableSpec) => Table): void {
  describe(name, () => {
    for (const optimizer of Object.values(optimizers)) {
      test(`equals the Map table through any calls: ${optimizer.kind}`, () => equalsReference(makeTable, optimizer))
    }

    test('has a case for each optimizer there is', () => {
      assert.deepEqual(Object.keys(optimizers).sort(), optimizerKinds.toSorted())
    })

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
      const spec = { ...baseSpec, dimension: 1, rowsMax: 40_000, optimizer: optimizers.sum, initialScale: 0 }
      const table = makeTable(spec)
      assert.equal(table.sliceCount, 2)
      const ids = idsFrom(1, 39_000)
      const times = Float64Array.from(ids, (_, index) => (index * 7919) % 1009)
      table.push(ids, ids.length, new Float32Array(ids.length).fill(1), times)
      const loaded = makeTable(spec)
      loaded.load(table.dump())
      const later = idsFrom(50_000, 9000)
      const outcomes = [table, loaded, mapLoaded(spec, table.dump())].map((each) => {
        const outcome = pushed(each, [...later], 1, 500)
        return { outcome, removed: each.drainRemoved(), dump: Buffer.from(each.dump()).toString('base64') }
      })
      assert.ok(outcomes[0]!.outcome.evicted >= 9000 - 1000)
      for (const other of outcomes.slice(1)) {
        assert.deepEqual(other.outcome, outcomes[0]!.outcome)
        assert.deepEqual(other.removed, outcomes[0]!.removed)
        assert.ok(other.dump === outcomes[0]!.dump, 'dumps differ')
      }
      assert.ok(table.rows <= spec.rowsMax)
    })

    test('rows expire by event time, slice by slice, and come back afresh', () => {
      const spec = { ...baseSpec, rowsMax: 40_000, expiresAfterMs: 100 }
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
      const spec = { ...baseSpec, dimension: 2, rowsMax: 240_000, optimizer: optimizers.sum, initialScale: 0 }
      const table = makeTable(spec)
      const ids = idsFrom(1, rowCount)
      const gradients = Float32Array.from({ length: rowCount * 2 }, (_, index) => index)
      const outcome = table.push(ids, rowCount, gradients, new Float64Array(rowCount))
      assert.deepEqual(outcome, { ...none, updated: rowCount })
      assert.equal(table.rows, rowCount)
      assert.ok(Buffer.from(pulled(table, ids).buffer).equals(Buffer.from(gradients.buffer)))
      const found = new Uint8Array(rowCount)
      table.contains(ids, rowCount, found)
      assert.ok(found.every((flag) => flag === 1))
      assert.deepEqual(table.drainTouched(), ids.slice().sort())
    })
  })
}

const none = { updated: 0, refused: 0, nonFinite: 0, badTime: 0, noMemory: 0, unadmitted: 0, evicted: 0 }

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

/** First state column of each row, ascending by id. */
function stateOf(table: Table): number[] {
  const { ids, rows, columns } = readTableDump(table.spec, table.dump())
  const order = Array.from(ids.keys()).sort((left, right) => (ids[left]! < ids[right]! ? -1 : 1))
  return order.map((index) => rows[index * columns + table.spec.dimension]!)
}

function mapLoaded(spec: TableSpec, bytes: Uint8Array): Table {
  const table = mapTable(spec)
  table.load(bytes)
  return table
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
  return table.push(ids, ids.length, floats, times, occurrences)
}

function shown(table: Table, ids: BigUint64Array): unknown {
  const flags = new Uint8Array(ids.length)
  const times = new Float64Array(ids.length)
  table.contains(ids, ids.length, flags)
  table.eventTimes(ids, ids.length, times)
  return [Buffer.from(pulled(table, ids).buffer).toString('hex'), flags, times]
}
