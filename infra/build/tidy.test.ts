// The tree keeps its rules, and the checker finds what is planted against each of them.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { errorCodes } from '../../streams/runtime/errors.ts'
import {
  ambientViolations,
  folderViolations,
  headerViolations,
  importViolations,
  interfaceFiles,
  interfaceViolations,
  leftoverViolations,
  lengthViolations,
  longFiles,
  nameViolations,
  type SourceFile,
  unusedAllowances,
  violations,
  withoutComments,
} from './tidy.ts'
import { projectRoot, sourceFiles } from './tree.ts'

/** How many files may be past the soft length. It only goes down, and follows what is there within `slack`. */
const longFilesMax = 13
const slack = 4

const tree: readonly SourceFile[] = sourceFiles()
  .filter((path) => /\.(ts|md)$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') }))

test('the tree keeps its rules', () => {
  const found = violations(tree)
  assert.equal(found.length, 0, `\n${found.join('\n')}`)
})

test('no more files are long than were, and the limit follows when there are fewer', () => {
  const long = longFiles(tree)
  assert.ok(long.length <= longFilesMax, `split one of\n${long.join('\n')}`)
  assert.ok(long.length >= longFilesMax - slack, `fewer are long now: set longFilesMax to ${long.length}`)
})

test('exceptions are still needed and interface files are still there', () => {
  assert.deepEqual(unusedAllowances(tree), [])
  for (const path of interfaceFiles) assert.ok(existsSync(join(projectRoot, path)), path)
})

test('error codes in code and in docs/errors.md are the same, and say the same about trying again', () => {
  const page = readFileSync(join(projectRoot, 'docs/errors.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (yes|no) \| [^|]+ \| [^|]+ \|$/gm)]
  const listed = Object.fromEntries(rows.map((row) => [row[1]!, { retryable: row[2] === 'yes' }]))
  assert.deepEqual(listed, { ...errorCodes })
})

/** Spelled so that this file is not among what it finds. */
const unseeded = `Math.${'ran' + 'dom'}()`
const planted = (path: string, text = ''): SourceFile => ({ path, text })

test('planted: imports against the direction', () => {
  const finds = (path: string, text: string) => importViolations(planted(path, text)).length
  assert.equal(finds('schemas/a.ts', "import { x } from '../streams/b.ts'"), 1)
  assert.equal(finds('streams/log/a.ts', "export * from '../../trainers/b.ts'"), 1)
  assert.equal(finds('trainers/a.ts', "import type { x } from '../serving/b.ts'"), 1)
  assert.equal(finds('serving/feed/a.ts', "import '../../trainers/evaluation/b.ts'"), 1)
  assert.equal(finds('serving/feed/a.ts', "await import('../../infra/b.ts')"), 1)
  assert.equal(finds('streams/a.test.ts', "new Worker(new URL('../infra/w.ts', import.meta.url))"), 1)
  assert.equal(finds('serving/feed/a.ts', "import {\n  x,\n} from '../../trainers/joint.ts'"), 1)
  assert.equal(finds('serving/feed/a.ts', "import { x } from '../../trainers/model/b.ts'"), 0)
  assert.equal(finds('serving/feed/a.ts', "import { x } from '../../trainers/table/b.ts'"), 0)
  assert.equal(finds('infra/a.ts', "import { x } from '../serving/b.ts'"), 0)
  assert.equal(finds('streams/a.ts', "// from '../infra/b.ts'\nimport fs from 'infra'"), 0)
})

test('planted: an interface that imports an implementation', () => {
  const finds = (text: string) => interfaceViolations(planted('streams/log/log.ts', text)).length
  assert.equal(finds("import { SegmentLog } from './segment-log.ts'"), 1)
  assert.equal(finds("import type { SegmentLog } from './segment-log.ts'"), 0)
  assert.equal(finds("import { topics } from '../../schemas/topics.ts'"), 0)
})

test('planted: a file past its length', () => {
  assert.equal(lengthViolations(planted('streams/a.ts', 'x\n'.repeat(400))).length, 0)
  assert.equal(lengthViolations(planted('streams/a.ts', 'x\n'.repeat(401))).length, 1)
  assert.deepEqual(longFiles([planted('a.ts', 'x\n'.repeat(251)), planted('b.ts', 'x\n'.repeat(250))]), ['a.ts'])
})

test('planted: clocks, timers, randomness, disk and environment', () => {
  const finds = (text: string, path = 'serving/feed/a.ts') => ambientViolations(planted(path, text)).length
  assert.equal(finds('const now = Date.now()'), 1)
  assert.equal(finds('const clock = Date.now'), 1)
  assert.equal(finds('new Date()'), 1)
  assert.equal(finds('new Date(timeMs)'), 0)
  assert.equal(finds('performance.now()'), 1)
  assert.equal(finds('setTimeout(go, 5)'), 1)
  assert.equal(finds("import { setTimeout } from 'node:timers/promises'"), 1)
  assert.equal(finds(unseeded), 1)
  assert.equal(finds(`crypto.${'random' + 'UUID'}()`), 1)
  assert.equal(finds("import { readFile } from 'node:fs/promises'"), 1)
  assert.equal(finds('process.env.HOME'), 1)
  assert.equal(finds(`Date.now(); ${unseeded}`), 2)
  assert.equal(finds('// Date.now() would be wrong here'), 0)
  assert.equal(finds(`/* ${unseeded} */`), 0)
  assert.equal(finds('Date.now()', 'streams/runtime/system-runtime.ts'), 0)
  assert.equal(finds("import 'node:fs'", 'streams/log/a.test.ts'), 0)
  assert.equal(finds(unseeded, 'streams/log/a.test.ts'), 1)
})

test('planted: headers, leftovers, tests switched off', () => {
  assert.equal(headerViolations(planted('a.ts', 'export const a = 1')).length, 1)
  assert.equal(headerViolations(planted('a.ts', '#!/usr/bin/env node\n// Says what.\n')).length, 0)
  assert.equal(leftoverViolations(planted('a.ts', `// ${'TO' + 'DO'}: later`)).length, 1)
  assert.equal(leftoverViolations(planted('a.ts', `// ${'FIX' + 'ME'}`)).length, 1)
  assert.equal(leftoverViolations(planted('a.test.ts', `test.${'on' + 'ly'}('x', () => {})`)).length, 1)
  assert.equal(leftoverViolations(planted('a.test.ts', `describe.${'sk' + 'ip'}('x', () => {})`)).length, 1)
  assert.equal(leftoverViolations(planted('a.test.ts', "t.skip('no engine here')")).length, 0)
})

test('planted: names and folders', () => {
  assert.equal(nameViolations(planted('streams/log/SegmentLog.ts')).length, 1)
  assert.equal(nameViolations(planted('streams/log/segment_log.ts')).length, 1)
  assert.equal(nameViolations(planted('streams/log/segment-log.int.test.ts')).length, 0)
  assert.equal(nameViolations(planted('streams/log/log-utils.ts')).length, 1)
  assert.equal(nameViolations(planted('streams/common/log.ts')).length, 1)
  const readme = planted('streams/log/README.md')
  assert.equal(folderViolations([planted('streams/log/log.ts'), readme]).length, 0)
  assert.equal(folderViolations([planted('streams/log/log.ts')]).length, 1)
  assert.equal(folderViolations([planted('trainers/table/kernel/rows.ts')]).length, 1)
  assert.equal(folderViolations([planted('streams/log/kernel/rows.ts'), readme]).length, 0)
})

test('comments are blanked, strings are kept', () => {
  assert.equal(withoutComments("const a = 'http://x' // no").trim(), "const a = 'http://x'")
  assert.equal(withoutComments('a /* b\n c */ d'), 'a   d')
})
