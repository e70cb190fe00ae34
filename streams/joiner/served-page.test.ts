// A page that was registered is what is read of its bytes: a joiner goes on from a dump as if it had never stopped.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageFixture, startMs } from './joiner-fixtures.ts'
import { readPage, servedPage } from './served-page.ts'

const registration = { registeredMs: startMs, registeredImportMs: Number.NEGATIVE_INFINITY, sequence: 7 }
const [entry] = pageFixture('r', 0).entries

for (const [name, changes] of Object.entries({
  plain: {},
  'without features': { featureSet: '' },
  'texts beyond ASCII, and long ones': { userId: 'Zoë', surface: '😀'.repeat(40), region: 'x'.repeat(200) },
  'numbers that float32 rounds, none scored': {
    imported: true,
    entries: [{ ...entry!, propensity: 0.1, similarity: null, predictions: [] }],
  },
  'no entries': { entries: [] },
})) {
  test(`a registered page equals the one read of its bytes: ${name}`, () => {
    const served = pageFixture('r', 1_000, changes)
    const page = servedPage(served, registration)
    assert.deepEqual(page, readPage(page.fixed))
    assert.equal(page.entries.length, served.entries.length)
    assert.equal(page.userId, served.userId)
  })
}
