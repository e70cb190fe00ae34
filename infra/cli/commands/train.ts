// freshet train: a range of the log learned again at full speed, or a log made elsewhere, into a folder per run.
import { availableParallelism } from 'node:os'
import { basename, extname, join, resolve } from 'node:path'
import type { Log } from '../../../streams/log/log.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import type { Config } from '../../config/config.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import { chosenLogFiles, type LogFiles } from '../import/log-files.ts'
import { type Output, output } from '../output.ts'
import { parsePosition } from '../position.ts'
import { tableText } from '../table-text.ts'
import type { CompletedRun } from '../training/complete-run.ts'
import { type RunInput, readRun } from '../training/run-folder.ts'
import { filesInput, logInput, planRun, type RunRequest } from '../training/run-plan.ts'
import type { ReadRun } from '../training/run-thread.ts'
import { runSideBySide } from '../training/side-by-side.ts'

type Options = Readonly<Record<string, unknown>>

export async function run(_: string[], options: Options): Promise<void> {
  const out = output(options.json === true)
  if (options.out === undefined) throw new FreshetError('usage', 'train: add --out FOLDER for what comes out')
  const config = commandConfig(options as Record<string, unknown>)
  const files = chosenLogFiles('train', options)
  const log = files ? null : await openConfiguredLog(config)
  try {
    const runs = await trained(config, options, out, log, files)
    for (const complaint of new Set(runs.flatMap(({ complaints }) => complaints))) out.say(complaint)
    out.result({ runs: runs.map(summary) }, words(runs))
  } finally {
    await log?.close()
  }
}

async function trained(
  config: Config,
  options: Options,
  out: Output,
  log: Log | null,
  files: LogFiles | null,
): Promise<ReadRun[]> {
  const specs = listOf(options.spec)
  const featureFiles = listOf(options.features)
  const count = Math.max(1, specs.length, featureFiles.length)
  for (const [name, list] of [
    ['spec', specs],
    ['features', featureFiles],
  ] as const) {
    if (list.length <= 1 || list.length === count) continue
    throw new FreshetError(
      'usage',
      `--${name} names ${list.length} files for ${count} runs; write one, or one for each`,
    )
  }
  const places = Array.from({ length: count }, (_, number) => ({
    spec: specs[number] ?? specs[0] ?? null,
    featureFile: featureFiles[number] ?? featureFiles[0] ?? null,
  }))
  const names = places.map((place) => nameOf(place, specs.length > 1, featureFiles.length > 1))
  if (new Set(names).size < count)
    throw new FreshetError('usage', `two runs would be named ${names.join(', ')}; rename a file`)
  const root = resolve(String(options.out))
  const folders = names.map((name) => (count === 1 ? root : join(root, name)))
  const input = files ? filesInput(files, tickMs(options)) : await logInputOf(log!, options, folders)
  const requests = places.map(
    (place, number): RunRequest => ({
      ...place,
      name: names[number]!,
      folder: folders[number]!,
      excludedFeatures: config.model.excludedFeatures,
      input,
      scoreFromMs: scoreFrom(options.scoreFrom),
      importanceRows: numberOption(options, 'importanceRows', 0, 1_000_000),
      utcOffsetMs: numberOption(options, 'utcOffset', -14, 14) * 3_600_000,
    }),
  )
  // Here, where one mistake is one message, and not in threads that end each other.
  for (const request of requests) await planRun(request)
  const threads = options.runs === undefined ? availableParallelism() : numberOption(options, 'runs', 1, 64)
  return runSideBySide({
    config,
    requests,
    log,
    files,
    threads,
    onProgress: (progressByName) =>
      out.progress(
        [...progressByName]
          .map(
            ([name, { examples, share }]) => `${name} ${examples.toLocaleString('en')} (${Math.floor(share * 100)} %)`,
          )
          .join(', '),
      ),
  })
}

/** A run that was begun keeps the offsets that its positions meant then; others beside it take the same. */
async function logInputOf(log: Log, options: Options, folders: readonly string[]): Promise<RunInput> {
  const [from, to] = [String(options.from), String(options.to)]
  const rehydrate = options.rehydrate === true
  for (const folder of folders) {
    const input = readRun(folder)?.settings.input
    if (input?.kind === 'log' && input.from === from && input.to === to && input.walked.length > 0 === rehydrate)
      return input
  }
  return logInput(log, from, to, rehydrate)
}

function nameOf(
  { spec, featureFile }: Pick<RunRequest, 'spec' | 'featureFile'>,
  bySpec: boolean,
  byFeatures: boolean,
): string {
  const ofSpec = spec === null ? 'foryou' : basename(spec, extname(spec))
  const ofFeatures = featureFile === null ? '' : basename(featureFile, extname(featureFile))
  if (byFeatures) return bySpec ? `${ofSpec}-${ofFeatures}` : ofFeatures
  return ofSpec
}

function listOf(value: unknown): string[] {
  return value === undefined
    ? []
    : String(value)
        .split(',')
        .map((path) => resolve(path))
}

function scoreFrom(text: unknown): number | null {
  if (text === undefined) return null
  const position = parsePosition(String(text), Date.now())
  if (position.kind === 'time') return position.timeMs
  throw new FreshetError('usage', `--score-from is a time; write ts=2022-04-28T16:00Z instead of ${String(text)}`)
}

function tickMs(options: Options): number {
  return numberOption(options, 'tickSeconds', 1, 86_400) * 1_000
}

function numberOption(options: Options, name: string, least: number, most: number): number {
  const value = Number(options[name])
  if (value >= least && value <= most) return value
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  throw new FreshetError('usage', `--${flag} is between ${least} and ${most}, not ${String(options[name])}`)
}

function summary({ folder, facts, metrics, found }: CompletedRun): Record<string, unknown> {
  const { name, settings, finished, resumed } = facts
  const { auc, logLoss, scored } = metrics
  return { name, folder, features: settings.features, found, resumed, ...finished, scored, auc, logLoss }
}

function words(runs: readonly CompletedRun[]): string {
  const rows = runs.map(({ folder, facts: { name, settings, finished }, metrics }) => [
    name,
    finished!.examples,
    finished!.rowsPerSecond,
    settings.features,
    fixed(metrics.auc.longView),
    fixed(metrics.auc.like),
    fixed(metrics.logLoss.longView),
    join(folder, 'report.html'),
  ])
  const header = [
    'run',
    'examples',
    'examples/s',
    'features',
    'AUC longView',
    'AUC like',
    'log loss longView',
    'report',
  ]
  return tableText(header, rows)
}

function fixed(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '-' : value.toFixed(4)
}
