// Runs test files, each in its own process, and counts what passed, failed and was skipped.

import { resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { projectRoot, sourceFiles } from './tree.ts'

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: readonly string[]
  readonly seconds: number
}

export interface TestOptions {
  /** How many files run at once. */
  readonly concurrency: number
  /** What one test may take, and what a file may do without one beginning or ending. */
  readonly testMsMax: number
}

export const unitTestFiles = (): string[] =>
  sourceFiles().filter((path) => path.endsWith('.test.ts') && !isEngineTest(path))
export const engineTestFiles = (): string[] => sourceFiles().filter(isEngineTest)

function isEngineTest(path: string): boolean {
  return path.endsWith('.int.test.ts')
}

/** A file that cannot be loaded, that stands still, or that leaves something open, counts as a failed test. */
export async function runTests(files: readonly string[], options: TestOptions): Promise<TestCounts> {
  let passed = 0
  let failed = 0
  const skipped: string[] = []
  const startedMs = performance.now()
  if (files.length > 0) {
    const deadline = new URL(`./test-deadline.ts?testMsMax=${options.testMsMax}`, import.meta.url)
    const events = run({
      files: files.map((path) => resolve(projectRoot, path)),
      concurrency: options.concurrency,
      timeout: options.testMsMax,
      // Not --test-force-exit: it ends a file when the tests known so far have ended, with results still on their way and
      // tests behind an await not declared yet.
      execArgv: ['--import', deadline.href],
      cwd: projectRoot,
    })
    events.on('test:pass', (event) => {
      if (event.skip !== undefined) skipped.push(`${event.name}${event.skip === true ? '' : ` (${event.skip})`}`)
      else if (event.details.type !== 'suite') passed++
    })
    events.on('test:fail', (event) => {
      if (event.details.type !== 'suite' || isOwnFailure(event.details.error)) failed++
    })
    for await (const text of events.compose(spec)) process.stdout.write(text)
  }
  return { passed, failed, skipped, seconds: (performance.now() - startedMs) / 1_000 }
}

/** A suite fails with its tests, which are counted themselves; a hook of its own failing is counted once. */
function isOwnFailure(error: Error): boolean {
  return (error as { failureType?: string }).failureType !== 'subtestsFailed'
}

/** Totals of several runs. */
export function addCounts(all: readonly TestCounts[]): TestCounts {
  return {
    passed: all.reduce((sum, one) => sum + one.passed, 0),
    failed: all.reduce((sum, one) => sum + one.failed, 0),
    skipped: all.flatMap((one) => one.skipped),
    seconds: all.reduce((sum, one) => sum + one.seconds, 0),
  }
}

/** True when the run may be called good: nothing failed, something ran, and in CI nothing was skipped. */
export function isGood(counts: TestCounts, inCi: boolean): boolean {
  return counts.failed === 0 && counts.passed > 0 && !(inCi && counts.skipped.length > 0)
}

/** The last line of a run. A skip counts as a failure where it is one. */
export function verdict(counts: TestCounts, inCi: boolean): string {
  const failed = counts.failed + (inCi ? counts.skipped.length : 0)
  return `${counts.passed} passed, ${failed} failed, ${inCi ? 0 : counts.skipped.length} skipped`
}
