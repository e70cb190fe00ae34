// What is sent first, against sums in a Map; and that a log nobody takes from stays as large as its distinct ids.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ChangeLog } from './change-log.ts'

const dimension = 2

interface Change {
  readonly id: bigint
  readonly size: number
  readonly isNew: boolean
}

function append(log: ChangeLog, changes: readonly Change[]): void {
  const ids = BigUint64Array.from(changes, ({ id }) => id)
  const gradients = Float32Array.from(changes.flatMap(({ size }) => [size, 0]))
  log.append(
    ids,
    ids.length,
    gradients,
    dimension,
    Uint8Array.from(changes, ({ isNew }) => (isNew ? 0 : 1)),
  )
}

const anyChanges = fc.array(
  fc.array(fc.record({ id: fc.bigInt(1n, 20n), size: fc.nat(8), isNew: fc.boolean() }), { maxLength: 8 }),
  { maxLength: 12 },
)

describe('change log', () => {
  test('gives the new and the farthest moved first, keeps the rest, and continues from a dump', () => {
    fc.assert(
      fc.property(anyChanges, fc.integer({ min: 1, max: 25 }), fc.boolean(), (batches, limit, isRestarted) => {
        let log = new ChangeLog()
        const moveById = new Map<bigint, number>()
        for (const changes of batches) {
          append(log, changes)
          for (const { id, size, isNew } of changes)
            moveById.set(id, (moveById.get(id) ?? 0) + (isNew ? Infinity : size))
          if (!isRestarted) continue
          const next = new ChangeLog()
          next.load(Buffer.from(log.dump()))
          assert.deepEqual(next.dump(), log.dump())
          log = next
        }
        const byMove = [...moveById].sort(([left, near], [right, far]) =>
          near === far ? (left < right ? -1 : 1) : far > near ? 1 : -1,
        )
        const ids = byMove.map(([id]) => id)
        if (ids.length <= limit) ids.sort((left, right) => (left < right ? -1 : 1))
        const taken: bigint[] = []
        while (!log.isEmpty) taken.push(...log.take(ids.length <= limit ? limit : 1))
        assert.deepEqual(taken, ids)
      }),
    )
  })

  test('holds one entry per id however long nobody takes', () => {
    const log = new ChangeLog()
    const changes = Array.from({ length: 5_000 }, (_, index) => ({
      id: BigInt(index % 700) + 1n,
      size: 1,
      isNew: false,
    }))
    for (let round = 0; round < 100; round++) append(log, changes)
    assert.equal(log.dump().byteLength, 700 * 12)
    // Rounds of 5,000 give the first 100 ids eight entries each, the others seven.
    assert.deepEqual(
      [...log.take(100)],
      Array.from({ length: 100 }, (_, index) => BigInt(index) + 1n),
    )
  })

  test('leaves out ids without a row, and a gradient that is no number is no move', () => {
    const log = new ChangeLog()
    const ids = BigUint64Array.of(5n, 6n, 7n)
    log.append(ids, 3, Float32Array.of(1, 1, NaN, 1, 2, 2), dimension, Uint8Array.of(1, 1, 1), Uint8Array.of(0, 1, 1))
    assert.deepEqual([...log.take(1)], [7n])
    assert.deepEqual([...log.take(9)], [6n])
    assert.throws(() => log.load(new Uint8Array(13)), RangeError)
  })
})
