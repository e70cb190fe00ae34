// Tastes are a function of the seed and the catalog, and worth learning: the oracle is far above random.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mix32, seededRandom } from './seeded-random.ts'
import { type CatalogVideo, worldOf } from './tastes.ts'

const catalog: CatalogVideo[] = Array.from({ length: 600 }, (_, index) => ({
  videoId: `v${index}`,
  creatorId: `c${index % 90}`,
  hashtags: index % 17 === 0 ? [] : [`t${index % 30}`, `t${(index * 7) % 30}`],
  durationMs: index % 11 === 0 ? 0 : 3_000 + index * 200,
}))

test('equal seeds are equal worlds, other seeds are other worlds', () => {
  const one = worldOf({ seed: 7, users: 20, catalog })
  const same = worldOf({ seed: 7, users: 20, catalog })
  const other = worldOf({ seed: 8, users: 20, catalog })
  let differing = 0
  for (let user = 0; user < 20; user++) {
    for (const { videoId } of catalog) {
      const affinity = one.affinity(user, videoId)
      assert.equal(affinity, same.affinity(user, videoId))
      assert.ok(affinity >= 0 && affinity <= 1)
      if (affinity !== other.affinity(user, videoId)) differing++
    }
  }
  assert.ok(differing > 10_000)
})

test('the order of the catalog changes no affinity', () => {
  const one = worldOf({ seed: 7, users: 5, catalog })
  const turned = worldOf({ seed: 7, users: 5, catalog: [...catalog].reverse() })
  for (const { videoId } of catalog) assert.equal(one.affinity(3, videoId), turned.affinity(3, videoId))
})

test('random and oracle are what brute force over the catalog gives', () => {
  const world = worldOf({ seed: 3, users: 8, catalog })
  let random = 0
  let oracle = 0
  for (let user = 0; user < 8; user++) {
    const all = catalog.map(({ videoId }) => world.affinity(user, videoId)).sort((a, b) => b - a)
    random += all.reduce((sum, value) => sum + value, 0) / all.length / 8
    oracle += all.slice(0, 30).reduce((sum, value) => sum + value, 0) / 30 / 8
  }
  assert.ok(Math.abs(random - world.randomAffinity) < 1e-9)
  assert.ok(Math.abs(oracle - world.oracleAffinity) < 1e-9)
  assert.ok(oracle > random + 0.3, `oracle ${oracle}, random ${random}`)
})

test('a video outside the catalog has no affinity, an empty catalog no world', () => {
  assert.ok(Number.isNaN(worldOf({ seed: 1, users: 1, catalog }).affinity(0, 'elsewhere')))
  assert.throws(() => worldOf({ seed: 1, users: 1, catalog: [] }), RangeError)
})

test('draws are uniform enough and streams of one seed differ', () => {
  const random = seededRandom(1, 1)
  const bins = new Array<number>(10).fill(0)
  for (let draw = 0; draw < 100_000; draw++) {
    const bin = Math.floor(random.next() * 10)
    bins[bin] = bins[bin]! + 1
  }
  for (const count of bins) assert.ok(Math.abs(count - 10_000) < 500, `bin of ${count}`)
  assert.notEqual(seededRandom(1, 2).next(), seededRandom(1, 3).next())
  assert.notEqual(mix32(1, 2), mix32(2, 1))
})
