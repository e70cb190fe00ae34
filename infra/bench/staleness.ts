// What it costs to serve with old weights: the week of the KuaiRand log, predicted before it is learned by weights that are renewed
// every second, minute, five minutes, hour and day. HEAD=20000 takes the first impressions only, PLOT=FILE.svg draws it.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { denseCompute } from '../../trainers/model/compute.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { projectRoot } from '../build/tree.ts'
import { readKuairand } from '../cli/import/kuairand-files.ts'
import { resolveConfig } from '../config/config.ts'
import { modelSetup } from '../processes/model-setup.ts'
import { plotStaleness } from './staleness-plot.ts'
import { stalenessReport } from './staleness-report.ts'
import { learnEveryMs, stalenessScores } from './staleness-walk.ts'

const stalenessesMs = [60_000, 300_000, 3_600_000, 86_400_000]
/** As the log has it. */
const utcOffsetMs = 8 * 3_600_000
/** Of the impressions: weights of a day ago must have learned from some. */
const unjudgedShare = 2 / 7
const resamples = 200
const seed = 1

const folder = resolve(projectRoot, process.env.SHARED_DATA ?? '../shared/data', 'kuairand')
const impressionsMax = Number(process.env.HEAD ?? Number.POSITIVE_INFINITY)
await denseCompute()
const started = performance.now()
const files = await readKuairand({
  logs: [join(folder, 'log_week1.csv.gz')],
  users: join(folder, 'user_features.csv.gz'),
  videos: join(folder, 'video_features_basic.csv.gz'),
})
const { spec, features } = modelSetup(resolveConfig({ file: null, environment: {}, flags: {} }))
const scores = stalenessScores({
  ...{ files, spec, features, stalenessesMs, utcOffsetMs, impressionsMax },
  tableFactory: wasmTable,
  onProgress: (rows, timeMs) => process.stderr.write(`\r${rows} impressions, ${new Date(timeMs).toISOString()} `),
})
process.stderr.write('\n')
const judgedFromMs = scores.timesMs[Math.floor(scores.rows * unjudgedShare)]!
const results = stalenessReport(scores, { judgedFromMs, resamples, seed })
const work = {
  log: 'KuaiRand-Pure, standard log, week of 2022-04-25',
  impressions: scores.rows,
  judgedFrom: new Date(judgedFromMs).toISOString(),
  learnEveryMs,
  resamples,
}
if (process.env.PLOT) {
  const title = `Weights of different ages on ${scores.rows.toLocaleString('en')} impressions of KuaiRand`
  writeFileSync(process.env.PLOT, await plotStaleness(results, title))
}
const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.version }
const seconds = Math.round((performance.now() - started) / 1_000)
process.stdout.write(`${JSON.stringify({ bench: 'staleness', work, results, seconds, machine }, undefined, 2)}\n`)
