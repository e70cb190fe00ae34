// freshet compare: whether the second of two runs is better than the first, or whether that is noise.
import { join, resolve } from 'node:path'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { output } from '../output.ts'
import { tableText } from '../table-text.ts'
import { compareReport } from '../training/compare-report.ts'
import { type Comparison, compareRuns } from '../training/compare-runs.ts'
import { readMetrics } from '../training/complete-run.ts'
import { writeRunFile } from '../training/run-folder.ts'

const resamplesMax = 100_000

export async function run(folders: string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const out = output(options.json === true)
  const [base, other] = folders.map((folder) => resolve(folder))
  if (base === undefined || other === undefined) throw new FreshetError('usage', 'compare: name two run folders')
  const resamples = Number(options.resamples)
  if (!(resamples >= 20 && resamples <= resamplesMax)) {
    throw new FreshetError('usage', `--resamples is between 20 and ${resamplesMax}, not ${String(options.resamples)}`)
  }
  const comparison = await compareRuns(base, other, { resamples, seed: Number(options.seed) })
  const page = await compareReport(comparison, readMetrics(base), readMetrics(other))
  const report =
    options.report === undefined ? join(other, `against-${comparison.base.name}.html`) : resolve(String(options.report))
  await writeRunFile('', report, page)
  const { rows, users, byHead } = comparison
  const names = { base: comparison.base.name, other: comparison.other.name }
  out.result({ ...names, rows, users, resamples, byHead, report }, words(comparison, report))
}

function words({ base, other, rows, users, byHead }: Comparison, report: string): string {
  const table = Object.entries(byHead).map(([head, { positives, auc, logLoss }]) => [
    head,
    positives,
    auc ? auc.base.toFixed(4) : '-',
    auc ? auc.other.toFixed(4) : '-',
    auc ? `${signed(auc.difference)} (${signed(auc.low)} to ${signed(auc.high)})` : '-',
    auc?.verdict ?? '-',
    `${signed(logLoss.difference)} (${signed(logLoss.low)} to ${signed(logLoss.high)})`,
    logLoss.verdict,
  ])
  const header = ['head', 'positives', `AUC ${base.name}`, other.name, 'difference', '', 'log loss difference', '']
  const summary = `${other.name} less ${base.name}, ${rows} examples of ${users} users; noise: the 95 % interval holds 0`
  return `${summary}\n\n${tableText(header, table)}\n\n${report}`
}

function signed(value: number): string {
  if (Number(value.toFixed(5)) === 0) return value === 0 ? '0' : value > 0 ? '<0.00001' : '>-0.00001'
  return `${value < 0 ? '' : '+'}${value.toFixed(5)}`
}
