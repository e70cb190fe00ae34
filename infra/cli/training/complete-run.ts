// A run from its settings to its folder: learned, measured, drawn. A folder that is finished is only read; one that is not
// goes on where it stopped.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemDisk } from '../../../streams/runtime/system-disk.ts'
import { writePredictionsTable } from './predictions-table.ts'
import { type FinishedRun, type RunFacts, readRun, runFiles, sameSettings, writeJson } from './run-folder.ts'
import { RunJournal } from './run-journal.ts'
import { type RunMetrics, runMetrics } from './run-metrics.ts'
import { writeRunReport } from './run-report.ts'
import { runRows } from './run-rows.ts'
import { type LearnedRun, type TrainRunOptions, trainRun } from './train-run.ts'

export interface CompleteRunOptions extends TrainRunOptions {
  readonly name: string
  nowMs(): number
}

export interface CompletedRun {
  readonly folder: string
  readonly facts: RunFacts
  readonly metrics: RunMetrics
  /** It was finished before. */
  readonly found: boolean
}

/** Await denseCompute() first. Throws usage where the folder holds another run or another process is at it; rejects with stopped. */
export async function completeRun(options: CompleteRunOptions): Promise<CompletedRun> {
  const { folder } = options
  mkdirSync(folder, { recursive: true })
  const lock = await systemDisk.lock(folder)
  if (!lock)
    throw new FreshetError('usage', `another process is at the run in ${folder}; wait for it, or name another folder`)
  try {
    return await completed(options)
  } finally {
    await lock.release()
  }
}

async function completed(options: CompleteRunOptions): Promise<CompletedRun> {
  const { folder, settings } = options
  const known = readRun(folder)
  if (known) sameSettings(folder, known.settings, settings)
  if (known?.finished) return { folder, facts: known, metrics: readMetrics(folder), found: true }
  const begunAtMs = options.nowMs()
  const facts: RunFacts = {
    format: 1,
    name: options.name,
    settings,
    node: process.version,
    startedAt: known?.startedAt ?? new Date(begunAtMs).toISOString(),
    resumed: (known?.resumed ?? -1) + 1,
    finished: null,
  }
  await writeJson(folder, runFiles.spec, options.spec)
  await writeJson(folder, runFiles.run, facts)
  const learned = await trainRun(options)
  const learnedAtMs = options.nowMs()
  const metrics = await measured(options)
  const finished = finishedRun(learned, (learnedAtMs - begunAtMs) / 1_000, options.nowMs())
  const whole: RunFacts = { ...facts, finished }
  await writeRunReport(folder, whole, metrics)
  await writeJson(folder, runFiles.run, whole)
  for (const file of [runFiles.checkpoint, runFiles.journal]) await rm(join(folder, file), { force: true })
  return { folder, facts: whole, metrics, found: false }
}

async function measured({ folder, settings }: CompleteRunOptions): Promise<RunMetrics> {
  const path = join(folder, runFiles.journal)
  const journal = await RunJournal.reopen(path)
  try {
    const rows = await runRows(journal.frames(), settings.scoreFromMs)
    writePredictionsTable(join(folder, runFiles.predictions), rows)
    const metrics = runMetrics(rows, { utcOffsetMs: settings.utcOffsetMs, seed: settings.seeds.bootstrap ?? 1 })
    await writeJson(folder, runFiles.metrics, metrics)
    return metrics
  } finally {
    await journal.close()
  }
}

function finishedRun({ examplesNow, resumed, ...learned }: LearnedRun, seconds: number, nowMs: number): FinishedRun {
  return {
    finishedAt: new Date(nowMs).toISOString(),
    seconds,
    ...learned,
    rowsPerSecond: Math.round(examplesNow / seconds),
  }
}

/** Numbers that are none are null in JSON. */
export function readMetrics(folder: string): RunMetrics {
  const path = join(folder, runFiles.metrics)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as RunMetrics
  throw new FreshetError(
    'usage',
    `${folder} has no ${runFiles.metrics}; name the folder of a run that freshet train finished`,
  )
}
