// freshet evaluate: how well the model predicts what it has not yet learned, on a real log, in event-time order.

import { FreshetError } from '../../../streams/runtime/errors.ts'
import { pairedDifferences } from '../../../trainers/evaluation/paired-difference.ts'
import { type ReportOptions, scoredReport } from '../../../trainers/evaluation/scored-report.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import type { Config } from '../../config/config.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import { evaluateImport, type ImportEvaluationOptions, type Walked } from '../evaluation/evaluate-import.ts'
import { evaluateLog, type LogEvaluationOptions } from '../evaluation/evaluate-log.ts'
import { type Evaluation, evaluationWords } from '../evaluation/evaluation-words.ts'
import { readPredictions, writePredictions } from '../evaluation/predictions-file.ts'
import type { RetrievalReport } from '../evaluation/retrieval-tally.ts'
import { chosenLogFiles, type LogFiles, readingText, readLogFiles } from '../import/log-files.ts'
import { type Output, output } from '../output.ts'
import { parsePosition } from '../position.ts'

type Options = Readonly<Record<string, unknown>>

export async function run(_: string[], options: Options): Promise<void> {
  const out = output(options.json === true)
  const startedMs = performance.now()
  const files = chosenLogFiles('evaluate', options)
  await denseCompute()
  const config = commandConfig(options)
  const report = reportOptions(options)
  const model = {
    ...modelSetup(config),
    tableFactory: wasmTable,
    scoreFromMs: scoreFrom(options.scoreFrom),
    utcOffsetMs: report.utcOffsetMs,
    retrieval:
      options.retrieval === false
        ? null
        : {
            every: numberOption(options, 'retrievalEvery', 1, 1_000_000),
            encodeEveryMs: numberOption(options, 'encodeMinutes', 1, 1_440) * 60_000,
          },
    onProgress: (rows: number, eventTimeMs: number): void =>
      out.progress(`${rows.toLocaleString('en')} impressions, ${new Date(eventTimeMs).toISOString()}`),
  }
  const { impressions, intervals } = files
    ? await overFiles(files, out, {
        ...model,
        intervalMs: numberOption(options, 'tickSeconds', 1, 86_400) * 1_000,
        labelsDelayedMs: numberOption(options, 'labelsDelayed', 0, 86_400_000),
        frozen: options.frozen !== false,
      })
    : await overLog(config, options, model)
  const scored = scoredReport(intervals.rows, report)
  const retrieved = intervals.retrieved(report.resamples, report.seed)
  const seconds = (performance.now() - startedMs) / 1_000
  const compared = await comparison(options, out, intervals.rows, report)
  const rowsPerSecond = Math.round(impressions / seconds)
  const evaluation = { rows: impressions, seconds, rowsPerSecond, ...scored, ...flattened(retrieved), ...compared }
  out.result({ ...evaluation }, evaluationWords(evaluation))
}

async function overLog(
  config: Config,
  options: Options,
  settings: Omit<LogEvaluationOptions, 'log' | 'from' | 'to'>,
): Promise<Walked> {
  const nowMs = Date.now()
  const log = await openConfiguredLog(config)
  const from = parsePosition(String(options.from), nowMs)
  const to = parsePosition(String(options.to), nowMs)
  return evaluateLog({ log, from, to, ...settings }).finally(() => log.close())
}

async function overFiles(
  chosen: LogFiles,
  out: Output,
  settings: Omit<ImportEvaluationOptions, 'files'>,
): Promise<Walked> {
  const files = await readLogFiles(chosen, { onProgress: (progress) => out.progress(readingText(progress)) })
  for (const complaint of files.complaints) out.say(complaint)
  return evaluateImport({ files, ...settings })
}

/** Writes and reads what the options ask for. */
async function comparison(
  options: Options,
  out: Output,
  rows: Walked['intervals']['rows'],
  report: ReportOptions,
): Promise<Pick<Evaluation, 'difference'>> {
  if (options.predictions !== undefined) await writePredictions(String(options.predictions), rows)
  if (options.against === undefined) return {}
  const other = await readPredictions(String(options.against), rows)
  out.say(`${other.matched} of the ${rows.length} scored impressions are in ${String(options.against)}`)
  return { difference: pairedDifferences(rows, other, report) }
}

function flattened(retrieved: RetrievalReport | null): Pick<Evaluation, 'retrieval' | 'recallAt100' | 'ndcgAt100'> {
  if (!retrieved) return {}
  const { recallAt100, ndcgAt100, ...retrieval } = retrieved
  return { recallAt100, ndcgAt100, retrieval }
}

function reportOptions(options: Options): ReportOptions {
  return {
    utcOffsetMs: numberOption(options, 'utcOffset', -14, 14) * 3_600_000,
    resamples: numberOption(options, 'resamples', 0, 100_000),
    seed: numberOption(options, 'seed', 0, 2 ** 32 - 1),
  }
}

function scoreFrom(text: unknown): number {
  if (text === undefined) return Number.NEGATIVE_INFINITY
  const position = parsePosition(String(text), Date.now())
  if (position.kind === 'earliest') return Number.NEGATIVE_INFINITY
  if (position.kind === 'time') return position.timeMs
  throw new FreshetError('usage', `--score-from is a time; write ts=2022-04-28T16:00Z instead of ${String(text)}`)
}

function numberOption(options: Options, name: string, least: number, most: number): number {
  const value = Number(options[name])
  if (value >= least && value <= most) return value
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  throw new FreshetError('usage', `--${flag} is between ${least} and ${most}, not ${String(options[name])}`)
}
