// What every vector index does, checked against a map searched by brute force. `recallMin` is 1 for an exact one.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { VectorIndex } from './vector-index.ts'

type Change =
  | { readonly kind: 'upsert'; readonly key: number; readonly seed: number }
  | { readonly kind: 'remove'; readonly key: number }

const dimension = 8

export function describeVectorIndex(
  name: string,
  makeIndex: (dimension: number) => VectorIndex,
  recallMin: number,
): void {
  describe(name, () => {
    test('agrees with brute force after any changes', () => {
      const change: fc.Arbitrary<Change> = fc.oneof(
        fc.record({ kind: fc.constant('upsert' as const), key: fc.nat(40), seed: fc.nat(1_000) }),
        fc.record({ kind: fc.constant('remove' as const), key: fc.nat(40) }),
      )
      fc.assert(
        fc.property(
          fc.array(change, { maxLength: 120 }),
          fc.nat(1_000),
          fc.integer({ min: 0, max: 50 }),
          (changes, seed, count) => {
            const index = makeIndex(dimension)
            const oracle = new Map<number, Float32Array>()
            for (const one of changes) {
              if (one.kind === 'upsert') {
                index.upsert(one.key, unitVector(one.seed))
                oracle.set(one.key, unitVector(one.seed))
              } else {
                index.remove(one.key)
                oracle.delete(one.key)
              }
            }
            assert.equal(index.size, oracle.size)
            const exclude = (key: number) => key % 7 === 3
            const query = unitVector(seed + 5_000)
            const found = index.search(query, count, exclude)
            const want = bruteForce(oracle, query, count, exclude)
            const wanted = new Set(want)
            assert.equal(new Set(found.map((match) => match.key)).size, found.length)
            assert.ok(found.every((match) => oracle.has(match.key) && !exclude(match.key)))
            assert.ok(found.every((match, place) => place === 0 || found[place - 1]!.similarity >= match.similarity))
            const hits = found.filter((match) => wanted.has(match.key)).length
            assert.ok(hits >= recallMin * want.length, `${hits} of ${want.length} found`)
          },
        ),
      )
    })

    test('a bonus counts as much as the similarity', () => {
      const index = makeIndex(dimension)
      for (let key = 0; key < 30; key++) index.upsert(key, unitVector(key))
      const query = unitVector(100)
      const plain = index.search(query, 30)
      const similarityByKey = new Map(plain.map((match) => [match.key, match.similarity]))
      const bonus = (key: number) => (key % 3 === 0 ? 10 : 0)
      const found = index.search(query, 10, undefined, bonus)
      assert.deepEqual(new Set(found.map(({ key }) => key % 3)), new Set([0]))
      for (const { key, similarity } of found) assert.equal(similarity, similarityByKey.get(key)! + bonus(key))
      assert.deepEqual(
        found.map(({ key }) => key),
        plain.map(({ key }) => key).filter((key) => key % 3 === 0),
      )
    })

    test('keeps its own copy of a vector and grows in place', () => {
      const index = makeIndex(dimension)
      for (let key = 0; key < 3_000; key++) {
        const vector = unitVector(key)
        index.upsert(key, vector)
        vector.fill(0)
      }
      assert.equal(index.size, 3_000)
      assert.deepEqual([...index.vectorOf(2_999)!], [...unitVector(2_999)])
      index.clear()
      assert.equal(index.size, 0)
      assert.deepEqual(index.search(unitVector(1), 5), [])
      assert.equal(index.vectorOf(1), null)
    })
  })
}

function bruteForce(
  vectors: ReadonlyMap<number, Float32Array>,
  query: Float32Array,
  count: number,
  exclude: (key: number) => boolean,
): number[] {
  return [...vectors]
    .filter(([key]) => !exclude(key))
    .map(([key, vector]) => ({ key, similarity: similarityOf(vector, query) }))
    .sort((left, right) => right.similarity - left.similarity || left.key - right.key)
    .slice(0, count)
    .map((match) => match.key)
}

/** Whole eighths: sums are exact in any order, so that the oracle and the index see the same ties. */
function unitVector(seed: number): Float32Array {
  return Float32Array.from(
    { length: dimension },
    (_unused, index) => ((seed * (index + 3) * 37 + index * 11) % 17) / 8 - 1,
  )
}

function similarityOf(left: Float32Array, right: Float32Array): number {
  return left.reduce((sum, value, index) => sum + value * right[index]!, 0)
}
