// freshet evaluate: how well the model predicts what it has not yet learned, on a real log, in event-time order.

import { FreshetError } from '../../../streams/runtime/errors.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import type { Config } from '../../config/config.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import {
  type Evaluation,
  type EvaluationOptions,
  evaluateImport,
  evaluateLog,
  type LogEvaluationOptions,
} from '../evaluation.ts'
import { readKuairand } from '../import/kuairand-files.ts'
import { type Output, output } from '../output.ts'
import { parsePosition } from '../position.ts'
import { tableText } from '../table-text.ts'

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const startedMs = performance.now()
  await denseCompute()
  const config = commandConfig(options)
  const model = { ...modelSetup(config), tableFactory: wasmTable, scoreFromMs: scoreFrom(options.scoreFrom) }
  const onProgress = (rows: number, eventTimeMs: number): void =>
    out.progress(`${rows.toLocaleString('en')} impressions, ${new Date(eventTimeMs).toISOString()}`)
  const evaluation = options.from
    ? await overLog(config, options, { ...model, onProgress })
    : await overFiles(options, out, { ...model, intervalMs: tickMs(options.tickSeconds), onProgress })
  const seconds = (performance.now() - startedMs) / 1_000
  const rowsPerSecond = Math.round(evaluation.rows / seconds)
  out.result({ ...evaluation, seconds, rowsPerSecond }, words(evaluation, seconds, rowsPerSecond))
}

async function overLog(
  config: Config,
  options: Record<string, unknown>,
  settings: Omit<LogEvaluationOptions, 'log' | 'from' | 'to'>,
): Promise<Evaluation> {
  const nowMs = Date.now()
  const log = await openConfiguredLog(config)
  const from = parsePosition(String(options.from), nowMs)
  const to = parsePosition(String(options.to), nowMs)
  return evaluateLog({ log, from, to, ...settings }).finally(() => log.close())
}

async function overFiles(
  options: Record<string, unknown>,
  out: Output,
  settings: Omit<EvaluationOptions, 'files'>,
): Promise<Evaluation> {
  if (!options.kuairandLog || !options.users || !options.videos) {
    const remedy = 'give --kuairand-log, --users and --videos, or --from for the examples of the log'
    throw new FreshetError('usage', `evaluate needs something to predict; ${remedy}`)
  }
  const files = await readKuairand({
    logs: String(options.kuairandLog).split(','),
    users: String(options.users),
    videos: String(options.videos),
  })
  for (const complaint of files.complaints) out.say(complaint)
  return evaluateImport({ files, ...settings })
}

function scoreFrom(text: unknown): number {
  if (text === undefined) return Number.NEGATIVE_INFINITY
  const position = parsePosition(String(text), Date.now())
  if (position.kind === 'earliest') return Number.NEGATIVE_INFINITY
  if (position.kind === 'time') return position.timeMs
  throw new FreshetError('usage', `--score-from is a time; write ts=2022-04-28T16:00Z instead of ${String(text)}`)
}

function tickMs(text: unknown): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 86_400) return seconds * 1_000
  throw new FreshetError('usage', `--tick-seconds is between 0 and 86400, not ${String(text)}`)
}

function words(evaluation: Evaluation, seconds: number, rowsPerSecond: number): string {
  const rows = Object.keys(evaluation.auc).map((head) => [
    head,
    evaluation.positives[head]!,
    fixed(evaluation.auc[head]!),
    fixed(evaluation.logLoss[head]!),
    fixed(evaluation.calibration[head]!),
  ])
  const summary = `${evaluation.rows} impressions in ${seconds.toFixed(1)} s (${rowsPerSecond}/s), ${evaluation.scored} scored`
  return `${summary}\n\n${tableText(['head', 'positives', 'AUC', 'log loss', 'mean prediction / rate'], rows)}`
}

function fixed(value: number): string {
  return Number.isFinite(value) ? value.toFixed(4) : '-'
}
