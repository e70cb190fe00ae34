// Times as text, in their common spellings, in fixed and in named zones, through the hours that a zone skips or repeats.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isZone, parseTime } from './local-time.ts'

const noonMs = Date.UTC(2026, 4, 1, 12)

test('common spellings are one time', () => {
  const spellings = [
    '2026-05-01T12:00:00Z',
    '2026-05-01 12:00:00.000',
    '2026-05-01T12:00',
    '2026-05-01T14:00:00+02:00',
    '2026-05-01 07:00:00 -0500',
    '20260501T120000Z',
    '2026-05-01 12:00:00 UTC',
  ]
  for (const text of spellings) assert.equal(parseTime(text, 'UTC'), noonMs, text)
  assert.equal(parseTime('20260501', '+08:00'), Date.UTC(2026, 3, 30, 16))
  assert.equal(parseTime('2026-05-01T12:00:00.1239', 'UTC'), noonMs + 123)
})

test('what is no time is null', () => {
  for (const text of ['', 'soon', '2026-13-01', '2026-02-30', '2026-05-01T25:00', '1650812741', '01/05/2026']) {
    assert.equal(parseTime(text, 'UTC'), null, text)
  }
})

test('a named zone has its summer; hours that it skips or repeats are taken with the earlier offset', () => {
  assert.equal(parseTime('2026-05-01T14:00', 'Europe/Berlin'), noonMs)
  assert.equal(parseTime('2026-01-01T13:00', 'Europe/Berlin'), Date.UTC(2026, 0, 1, 12))
  assert.equal(parseTime('2026-10-25T02:30', 'Europe/Berlin'), Date.UTC(2026, 9, 25, 0, 30))
  assert.equal(parseTime('2026-10-25T03:30', 'Europe/Berlin'), Date.UTC(2026, 9, 25, 2, 30))
  assert.equal(parseTime('2026-03-29T01:30', 'Europe/Berlin'), Date.UTC(2026, 2, 29, 0, 30))
  assert.equal(parseTime('2026-03-29T03:30', 'Europe/Berlin'), Date.UTC(2026, 2, 29, 1, 30))
  assert.deepEqual(['UTC', '+08:00', 'Asia/Kolkata', 'Berlin'].map(isZone), [true, true, true, false])
})

test('any time written in a named zone reads back, but in the hour that a zone repeats', () => {
  const zones = fc.constantFrom('Asia/Kolkata', 'Australia/Lord_Howe', 'America/New_York', 'Asia/Shanghai')
  const quarters = fc.integer({ min: 0, max: 4 * 24 * 365 * 3 })
  fc.assert(
    fc.property(zones, quarters, (zone, quarter) => {
      const timeMs = Date.UTC(2024, 0) + quarter * 900_000
      const local = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
      const back = parseTime(local.format(timeMs), zone)!
      assert.ok(back === timeMs || (back < timeMs && local.format(back) === local.format(timeMs)))
    }),
    { numRuns: 500 },
  )
})
