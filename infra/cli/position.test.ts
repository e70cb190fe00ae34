// Every form of position is read, and nothing else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePosition } from './position.ts'

const nowMs = Date.UTC(2026, 10, 21, 12)

test('every form of position is read', () => {
  assert.deepEqual(parsePosition('earliest', nowMs), { kind: 'earliest' })
  assert.deepEqual(parsePosition('latest', nowMs), { kind: 'latest' })
  assert.deepEqual(parsePosition('offset=12', nowMs), { kind: 'offset', offset: 12 })
  assert.deepEqual(parsePosition('ts=2022-04-28T16:00Z', nowMs), { kind: 'time', timeMs: Date.UTC(2022, 3, 28, 16) })
  assert.deepEqual(parsePosition('ts=2022-04-28T16:00', nowMs), { kind: 'time', timeMs: Date.UTC(2022, 3, 28, 16) })
  assert.deepEqual(parsePosition('ts=1650812741436', nowMs), { kind: 'time', timeMs: 1650812741436 })
  assert.deepEqual(parsePosition('last=2h', nowMs), { kind: 'time', timeMs: nowMs - 7_200_000 })
})

for (const text of ['', 'now', 'offset=-1', 'offset=x', 'ts=yesterday', 'last=1', 'last=1w', 'offset']) {
  test(`"${text}" is refused with the forms that are read`, () => {
    assert.throws(() => parsePosition(text, nowMs), { code: 'usage', message: /earliest, latest, offset=N/ })
  })
}
