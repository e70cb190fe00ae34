// The runner's counts decide what is called good: planted passes, failures, skips and files that cannot be loaded.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { addCounts, engineTestFiles, isGood, type TestCounts, unitTestFiles, verdict } from './run-tests.ts'
import { projectRoot } from './tree.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-runner-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** In a process of its own: a test runner started by a test would run nothing. */
function countsOf(files: Record<string, string>, testMsMax = 20_000): TestCounts {
  const paths = Object.entries(files).map(([name, text]) => {
    writeFileSync(join(folder, name), `import { describe, test } from 'node:test'\n${text}`)
    return join(folder, name)
  })
  const runner = pathToFileURL(join(projectRoot, 'infra/build/run-tests.ts')).href
  const program = `
    const { runTests } = await import(${JSON.stringify(runner)})
    const counts = await runTests(${JSON.stringify(paths)}, { concurrency: 2, testMsMax: ${testMsMax} })
    process.stdout.write('\\n' + JSON.stringify(counts))`
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const options = { env: environment, encoding: 'utf8', timeout: 60_000 } as const
  // From a file: flags of this process would be handed on to those of the tests.
  const start = join(folder, 'start.mjs')
  writeFileSync(start, program)
  const text = execFileSync(process.execPath, [start], options)
  return JSON.parse(text.slice(text.lastIndexOf('\n') + 1)) as TestCounts
}

test('passes, failures inside suites and skips with their reason are counted once each', () => {
  const counts = countsOf({
    'mixed.mjs': `
      test('good', () => {})
      test('bad', () => { throw new Error('planted') })
      test('absent', (t) => t.skip('no engine here'))
      describe('suite', () => {
        test('good', () => {})
        test('bad', () => { throw new Error('planted') })
      })`,
    'fine.mjs': `test('good', async (t) => { await t.test('inner', () => {}) })`,
  })
  assert.equal(counts.failed, 2)
  assert.equal(counts.passed, 4)
  assert.deepEqual(counts.skipped, ['absent (no engine here)'])
})

test('a file that cannot be loaded, or that never ends, is a failure', () => {
  assert.equal(countsOf({ 'broken.mjs': `throw new Error('planted')` }).failed, 1)
  assert.equal(countsOf({ 'missing-import.mjs': `import './nowhere.mjs'` }).failed, 1)
  const leaving = `test('good', () => void setInterval(() => {}, 50))`
  assert.ok(countsOf({ 'leaving.mjs': leaving }, 500).failed > 0)
  assert.ok(
    countsOf({ 'endless.mjs': `test('never', () => new Promise((_) => setInterval(() => {}, 50)))` }, 1_500).failed > 0,
  )
})

test('no result is lost: neither of many at once nor of a test that is declared late', () => {
  const quick = `for (let i = 0; i < 3000; i++) test('quick ' + i + ' ' + 'x'.repeat(200), () => {})`
  const late = `
    test('early', () => {})
    await new Promise((resolve) => setTimeout(resolve, 50))
    test('late', () => {})`
  const counts = countsOf({ 'many-quick.mjs': quick, 'late.mjs': late })
  assert.deepEqual([counts.passed, counts.failed], [3_002, 0])
})

test('good means that something ran, nothing failed, and in CI nothing was skipped', () => {
  const counts = (passed: number, failed: number, skipped: string[]): TestCounts => ({
    passed,
    failed,
    skipped,
    seconds: 1,
  })
  assert.ok(isGood(counts(1, 0, []), true))
  assert.ok(isGood(counts(1, 0, ['a']), false))
  assert.ok(!isGood(counts(1, 0, ['a']), true))
  assert.ok(!isGood(counts(1, 1, []), false))
  assert.ok(!isGood(counts(0, 0, []), false))
  assert.equal(verdict(counts(5, 1, ['a']), false), '5 passed, 1 failed, 1 skipped')
  assert.equal(verdict(counts(5, 1, ['a']), true), '5 passed, 2 failed, 0 skipped')
  assert.deepEqual(addCounts([counts(1, 2, ['a']), counts(3, 4, ['b'])]), {
    passed: 4,
    failed: 6,
    skipped: ['a', 'b'],
    seconds: 2,
  })
})

test('every test file belongs to exactly one tier', () => {
  const unit = unitTestFiles()
  assert.ok(unit.includes('infra/build/run-tests.test.ts'))
  assert.ok(engineTestFiles().every((path) => !unit.includes(path)))
})
