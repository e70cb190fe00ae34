// The small parts: nearest names, bounded maps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nearestName } from '../../streams/runtime/nearest-name.ts'
import { boundedMap } from './bounded-map.ts'

test('a slip of the keyboard finds its name, nonsense finds none', () => {
  const known = ['watchTimeMs', 'durationMs', 'userId', 'videoId']
  for (const [typed, meant] of [
    ['watchtimems', 'watchTimeMs'],
    ['watchTime', 'watchTimeMs'],
    ['usrId', 'userId'],
    ['video', 'videoId'],
  ]) {
    assert.equal(nearestName(typed!, known), meant)
  }
  assert.equal(nearestName('somethingElse', known), null)
  assert.equal(nearestName('x'.repeat(1_000_000), known), null)
  assert.equal(nearestName('', []), null)
})

test('a name is nearest to itself', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), {
        minLength: 1,
        selector: (name) => name.toLowerCase(),
      }),
      (names) => {
        for (const name of names) assert.equal(nearestName(name, names), name)
      },
    ),
  )
})

test('a bounded map is a map of what was used last', () => {
  const operation = fc.record({ key: fc.nat(9), write: fc.boolean() })
  fc.assert(
    fc.property(fc.array(operation), fc.integer({ min: 1, max: 5 }), (operations, max) => {
      const bounded = boundedMap<number, number>(max)
      let used: number[] = []
      for (const { key, write } of operations) {
        if (write) bounded.set(key, key)
        else assert.equal(bounded.get(key), used.includes(key) ? key : undefined)
        if (write || used.includes(key)) used = [...used.filter((one) => one !== key), key].slice(-max)
      }
      assert.equal(bounded.size, used.length)
    }),
  )
})
