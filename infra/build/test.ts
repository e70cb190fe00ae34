// `npm test`: the checks, every unit test, then every integration test one file at a time. In CI a skipped test fails.
import { checkCount, runChecks } from './checks.ts'
import { addCounts, engineTestFiles, isGood, runTests, type TestCounts, unitTestFiles, verdict } from './run-tests.ts'

const inCi = process.env.CI === 'true'

const failedChecks = await runChecks()
const unit = await runTests(unitTestFiles(), { concurrency: 2, testMsMax: 300_000 })
const engine = await runTests(engineTestFiles(), { concurrency: 1, testMsMax: 600_000 })
const checks: TestCounts = {
  passed: checkCount - failedChecks.length,
  failed: failedChecks.length,
  skipped: [],
  seconds: 0,
}
const counts = addCounts([unit, engine, checks])

if (counts.skipped.length > 0) {
  console.log(inCi ? 'skipped, which in CI is a failure:' : 'skipped:')
  for (const name of counts.skipped) console.log(`  ${name}`)
}
if (failedChecks.length > 0) console.log(`failed: ${failedChecks.join(', ')}`)
console.log(verdict(counts, inCi))
process.exit(isGood(counts, inCi) ? 0 : 1)
