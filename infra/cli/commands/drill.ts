// freshet drill NAME: breaks a real topology under load and proves from its log that nothing was lost and nothing doubled.
import process from 'node:process'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { type DrillReport, runDrill } from '../../drills/drill-run.ts'
import { faults } from '../../drills/faults.ts'
import { output } from '../output.ts'

export async function run([name]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const list = faults.map((fault) => `  ${fault.name.padEnd(14)}${fault.about}`).join('\n')
  if (name === undefined) {
    out.result({ drills: faults.map((fault) => fault.name) }, `freshet drill NAME, one of\n${list}`)
    return
  }
  const fault = faults.find((known) => known.name === name)
  if (!fault) throw new FreshetError('usage', `there is no drill ${name}; name one of\n${list}`)
  // Whoever ends a drill ends the brokers and processes it started: they go at the exit of this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const report = await runDrill({
    fault,
    moments: positive('--moments', options.moments),
    seed: options.seed === undefined ? Date.now() % 1_000_000 : positive('--seed', options.seed),
    runtime: systemRuntime,
    say: (text) => out.say(text),
    ...(options.folder === undefined ? {} : { folder: String(options.folder) }),
  })
  out.result({ ...report }, words(report))
  if (!report.passed) {
    throw new FreshetError('drill-failed', `${name} found what its report says: look at ${report.folder}`)
  }
}

function words(report: DrillReport): string {
  const { drill, passed, moments, events, lost, doubled, bytesEqual, requestsFailed, recoveryMs, seconds } = report
  const lines = [
    `${drill}: ${passed ? 'passed' : 'FAILED'} in ${seconds.toFixed(0)} s, ${moments} moments, ${events} events`,
    `lost ${lost}, doubled ${doubled}, bytes ${bytesEqual ? 'equal' : 'differ'}, requests failed ${requestsFailed}`,
    `caught up ${Math.round(recoveryMs.p50)} ms after it was mended (p50), ${Math.round(recoveryMs.max)} ms at most`,
  ]
  const findings = report.findings.flatMap(({ check, differences }) => differences.map((what) => `  ${check}: ${what}`))
  return [...lines, ...findings].join('\n')
}

function positive(option: string, value: unknown): number {
  const number = Number(value)
  if (Number.isInteger(number) && number > 0) return number
  throw new FreshetError('usage', `${option} is a whole number above 0, not ${String(value)}`)
}
