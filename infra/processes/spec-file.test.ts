// Whatever is wrong with a spec's file is told with its name and where.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { selectFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { checkFits, readSpecFile } from './spec-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-specs-'))
const path = join(folder, 'spec.json')
after(() => rmSync(folder, { recursive: true, force: true }))

const text = JSON.stringify(foryouSpec, null, 2)
const ranker = foryouSpec.ranker!
const refused = (written: string, message: RegExp) => {
  writeFileSync(path, written)
  const read = () => {
    checkFits(path, readSpecFile(path), featureSet(selectFeatures({ exclude: [] })))
  }
  assert.throws(read, (error: { code?: string; message: string }) => {
    assert.equal(error.code, 'config-invalid')
    assert.ok(error.message.startsWith(`${path}: `), error.message)
    assert.match(error.message, message)
    return true
  })
}

test('a spec that cannot be meant is refused by file and place', () => {
  refused(text.slice(0, text.length / 2), /line \d+: /)
  refused('', /line 1: /)
  refused(text.replace('"ranker"', '"rankr"'), /rankr: no such key; did you mean ranker\?/)
  refused(text.replace('"userXcreator"', '"userXcreators"'), /userXcreators/)
  const typo = { ...ranker, entryDense: { include: ['*', 'tasteMach*'], exclude: [] } }
  refused(
    JSON.stringify({ ...foryouSpec, ranker: typo }),
    /ranker\.entryDense\.include: .* fits "tasteMach\*"; there are /,
  )
  const wrongSide = { ...ranker, queryDense: { include: ['*'], exclude: ['content.*'] } }
  refused(JSON.stringify({ ...foryouSpec, ranker: wrongSide }), /ranker\.queryDense\.exclude: /)
  assert.throws(() => readSpecFile(join(folder, 'none.json')), /none\.json: it cannot be read/)
})

test('a pattern for a default feature that was left out is no typing error', () => {
  writeFileSync(path, text)
  checkFits(path, readSpecFile(path), featureSet(selectFeatures({ exclude: ['content'] })))
})
