// freshet import SHAPE: a log made elsewhere becomes events of the running engine, or of the folder when none runs. With
// --check nothing is written: it only tells what would come.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { engineTopics } from '../../processes/engine-topics.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import { type ImportReport, importIntoLog } from '../import/import-into-log.ts'
import { importSummary, summaryText } from '../import/import-summary.ts'
import { type LogFiles, readingText, readLogFiles } from '../import/log-files.ts'
import { output } from '../output.ts'

export async function run([shape]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const config = commandConfig(options)
  const files = await readLogFiles(namedFiles(shape, options), {
    anyBadRows: options.check === true,
    onProgress: (progress) => out.progress(readingText(progress)),
  })
  for (const complaint of files.complaints) out.say(complaint)
  if (options.check === true) {
    const summary = importSummary(files)
    out.result(
      { ...summary, imported: false },
      `${summaryText(summary)}\nnothing was imported: leave --check out for that`,
    )
    return
  }
  const { spec, features } = modelSetup(config)
  const log = await openConfiguredLog(config)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  try {
    for (const topic of engineTopics(config, spec.model)) await log.ensureTopic(topic)
    const report = await importIntoLog({
      files,
      features,
      log,
      runtime: systemRuntime,
      signal: stop.signal,
      onProgress: (now) => out.progress(progressText(now, files.rowCount)),
    })
    const badRows = [...files.badRows].map(([kind, told]) => ({ kind, ...told }))
    out.result(
      { ...report, badRows, stopped: stop.signal.aborted },
      `${report.events.toLocaleString('en')} events: ${report.appended.toLocaleString('en')} new, ${report.duplicates.toLocaleString('en')} are in the log or repeat within the files${stop.signal.aborted ? '; stopped early: run it again to go on' : ''}`,
    )
  } finally {
    await log.close()
  }
}

function namedFiles(shape: string | undefined, { log, users, videos, mapping }: Record<string, unknown>): LogFiles {
  const logs = log === undefined ? null : String(log).split(',')
  switch (shape) {
    case 'kuairand':
      return { shape, logs: logs ?? [], users: String(users), videos: String(videos) }
    case 'csv':
      return { shape, mapping: String(mapping), logs }
    default:
      throw new FreshetError('usage', `"${shape}" is not a shape of log; write import kuairand or import csv`)
  }
}

function progressText(report: ImportReport, rows: number): string {
  const share = rows === 0 ? 100 : (100 * report.impressions) / rows
  return `${share.toFixed(0).padStart(3)} %  ${report.appended.toLocaleString('en')} events appended, ${report.duplicates.toLocaleString('en')} in the log already or repeated`
}
