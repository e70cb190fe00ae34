// Each drill once, on a real Kafka: the deployment is broken under load at a seeded moment, and its log tells that nothing
// was lost and nothing doubled. DRILL_SEED chooses other moments.
import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { runDrill } from './drill-run.ts'
import { faults } from './faults.ts'

const seed = Number(process.env.DRILL_SEED ?? 20_261_121)

for (const fault of faults) {
  test(`${fault.name}: ${fault.about}`, async () => {
    const report = await runDrill({ fault, moments: 1, seed, runtime, say: (text) => console.log(text) })
    const words = report.findings.flatMap(({ check, differences }) => differences.map((what) => `${check}: ${what}`))
    assert.deepEqual(words, [], `look at ${report.folder}`)
    assert.equal(report.lost, 0)
    assert.equal(report.doubled, 0)
    assert.equal(report.bytesEqual, true)
    assert.equal(report.passed, true, `${report.requestsFailed} requests failed`)
  })
}
