// `npm run check`: format, lint, types, generated files, tidiness and unit tests, in under a minute.
import { runChecks } from './checks.ts'
import { isGood, runTests, unitTestFiles, verdict } from './run-tests.ts'

const failedChecks = await runChecks()
const counts = await runTests(unitTestFiles(), { concurrency: 2, testMsMax: 120_000 })
if (failedChecks.length > 0) console.log(`failed: ${failedChecks.join(', ')}`)
console.log(verdict(counts, false))
process.exit(failedChecks.length === 0 && isGood(counts, false) ? 0 : 1)
