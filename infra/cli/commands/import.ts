// freshet import SHAPE: a log made elsewhere becomes events of the running engine, or of the folder when none runs.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { engineTopics } from '../../processes/engine-topics.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import { type ImportReport, importIntoLog } from '../import/import-into-log.ts'
import { readKuairand } from '../import/kuairand-files.ts'
import { output } from '../output.ts'

export async function run([shape]: string[], options: Record<string, unknown>): Promise<void> {
  if (shape !== 'kuairand') throw new FreshetError('usage', `"${shape}" is not a shape of log; write import kuairand`)
  const out = output(options.json === true)
  const config = commandConfig(options)
  const { spec, features } = modelSetup(config)
  const files = await readKuairand({
    logs: String(options.log).split(','),
    users: String(options.users),
    videos: String(options.videos),
  })
  for (const complaint of files.complaints) out.say(complaint)
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
    out.result(
      { ...report },
      `${report.events.toLocaleString('en')} events: ${report.appended.toLocaleString('en')} new, ${report.duplicates.toLocaleString('en')} known already`,
    )
  } finally {
    await log.close()
  }
}

function progressText(report: ImportReport, rows: number): string {
  const share = rows === 0 ? 100 : (100 * report.impressions) / rows
  return `${share.toFixed(0).padStart(3)} %  ${report.appended.toLocaleString('en')} events appended, ${report.duplicates.toLocaleString('en')} known already`
}
