// What every action on models begins and ends with: the configured log is opened, the result printed, the log closed.
import type { Log } from '../../../../streams/log/log.ts'
import { systemRuntime } from '../../../../streams/runtime/system-runtime.ts'
import type { Config } from '../../../config/config.ts'
import { writtenBlobs } from '../../../processes/blob-folder.ts'
import { commandConfig } from '../../command-config.ts'
import { openConfiguredLog } from '../../command-log.ts'
import type { ModelSources } from '../../installed-run.ts'
import { output } from '../../output.ts'

export type Options = Record<string, unknown>

/** An object for --json, and words for a person. */
export type Told = readonly [value: Readonly<Record<string, unknown>>, words: string]

/** Check the options before: nothing is opened for a wrong call. */
export async function onModelLog(options: Options, act: (log: Log, config: Config) => Promise<Told>): Promise<void> {
  const out = output(options.json === true)
  const config = commandConfig(options)
  const log = await openConfiguredLog(config)
  try {
    out.result(...(await act(log, config)))
  } finally {
    await log.close()
  }
}

/** Where an event about another model takes what it installs. */
export function promotionSources(log: Log, config: Config): ModelSources {
  return { log, blobs: writtenBlobs(config, 'promotion'), runtime: systemRuntime }
}
