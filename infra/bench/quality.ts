// Our model beside what a user would pick instead, on the same log in the same run: all are asked for the same impressions before
// they learn them, minute by minute, and judged by the same paired bootstrap over users. The KuaiRand week, scored on its last
// three days; LOGS=F,F USERS=F VIDEOS=F SCORE_FROM=2022-05-01T16:00Z for another log of its kind, KEEP=FOLDER keeps the predictions.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { scoredReport } from '../../trainers/evaluation/scored-report.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { projectRoot } from '../build/tree.ts'
import { evaluateImport } from '../cli/evaluation/evaluate-import.ts'
import { readPredictions, writePredictions } from '../cli/evaluation/predictions-file.ts'
import { readKuairand } from '../cli/import/kuairand-files.ts'
import { resolveConfig } from '../config/config.ts'
import { modelSetup } from '../processes/model-setup.ts'
import {
  checkReferences,
  hasReferences,
  type ReferenceName,
  type ReferenceWork,
  referenceNames,
  runReference,
} from './quality-references.ts'
import { qualityReport, type ReferenceOutcome } from './quality-report.ts'

/** What the references do; `evaluate` does it by `--tick-seconds 60`. */
const intervalMs = 60_000
const report = { utcOffsetMs: 8 * 3_600_000, resamples: 200, seed: 1 }

const { LOGS, USERS, VIDEOS, SCORE_FROM = '2022-04-28T16:00Z', KEEP, SHARED_DATA = '../shared/data' } = process.env
const folder = resolve(projectRoot, SHARED_DATA, 'kuairand')
const work: ReferenceWork = {
  logs: LOGS?.split(',') ?? [join(folder, 'log_week1.csv.gz')],
  users: USERS ?? join(folder, 'user_features.csv.gz'),
  videos: VIDEOS ?? join(folder, 'video_features_basic.csv.gz'),
  scoreFromMs: Date.parse(SCORE_FROM),
}
if (Number.isNaN(work.scoreFromMs)) {
  throw new FreshetError('usage', `SCORE_FROM is a time such as 2022-04-28T16:00Z, not ${SCORE_FROM}`)
}
const scratch = mkdtempSync(join(tmpdir(), 'freshet-quality-'))
const kept = KEEP === undefined ? scratch : resolve(KEEP)
mkdirSync(kept, { recursive: true })
try {
  process.stdout.write(`${JSON.stringify(await measured(), undefined, 2)}\n`)
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

async function measured(): Promise<Record<string, unknown>> {
  const started = performance.now()
  const checked = hasReferences() ? await checkReferences() : null
  const paths = await predictedByReferences()
  const { ours, rows, impressions } = await predictedByUs()
  const outcomes: Record<string, ReferenceOutcome> = {}
  for (const [name, { path, cpuSeconds }] of paths) {
    const { matched, ...predictions } = await readPredictions(path, rows)
    outcomes[name] = { predictions, matched, cpuSeconds }
  }
  return {
    bench: 'quality',
    work: { ...work, impressions, scored: rows.length, intervalMs, resamples: report.resamples },
    ours,
    ...(checked === null
      ? { references: null, remedy: 'run make references for PyTorch and LightGBM' }
      : { checked, ...qualityReport(rows, outcomes, report) }),
    machine: { processor: cpus()[0]?.model, cores: cpus().length, node: process.version },
    seconds: Math.round((performance.now() - started) / 1_000),
  }
}

async function predictedByReferences(): Promise<Map<ReferenceName, { path: string; cpuSeconds: number }>> {
  const found = new Map<ReferenceName, { path: string; cpuSeconds: number }>()
  if (!hasReferences()) return found
  for (const name of referenceNames) {
    process.stderr.write(`${name}\n`)
    const path = join(kept, `${name}.tsv`)
    found.set(name, { path, cpuSeconds: await runReference(name, work, path) })
  }
  return found
}

/** As `evaluate` does it with the settings that Freshet ships. */
async function predictedByUs() {
  await denseCompute()
  const files = await readKuairand(work)
  const before = process.cpuUsage()
  const { impressions, intervals } = evaluateImport({
    files,
    ...modelSetup(resolveConfig({ file: null, environment: {}, flags: {} })),
    ...{ tableFactory: wasmTable, scoreFromMs: work.scoreFromMs, utcOffsetMs: report.utcOffsetMs, retrieval: null },
    ...{ intervalMs, labelsDelayedMs: 0, frozen: true },
    onProgress: (count, timeMs) => process.stderr.write(`\r${count} impressions, ${new Date(timeMs).toISOString()} `),
  })
  const { user, system } = process.cpuUsage(before)
  process.stderr.write('\n')
  const { auc, aucWithinUserDay, logLoss, intervals: bounds } = scoredReport(intervals.rows, report)
  if (KEEP !== undefined) await writePredictions(join(kept, 'freshet.tsv.gz'), intervals.rows)
  const cpuSeconds = (user + system) / 1e6
  return { ours: { auc, aucWithinUserDay, logLoss, intervals: bounds, cpuSeconds }, rows: intervals.rows, impressions }
}
