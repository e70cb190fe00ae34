// The log for a command: Kafka as configured; the embedded one through the process that owns it, or, when none runs, by
// opening its folder.
import { existsSync } from 'node:fs'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import type { Log } from '../../streams/log/log.ts'
import { remoteLog } from '../../streams/log/remote-log.ts'
import { connectToLog } from '../../streams/log/socket-channel.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import type { Config } from '../config/config.ts'
import { logDirectory, logSocketPath, openKafka } from '../processes/open-log.ts'
import { commandConfig } from './command-config.ts'

export async function openCommandLog(options: Record<string, unknown>): Promise<Log> {
  return openConfiguredLog(commandConfig(options))
}

/** For commands that only read: makes no folder. Throws usage where there is no log. */
export async function openPresentLog(options: Record<string, unknown>): Promise<Log> {
  const config = commandConfig(options)
  if (config.log.driver !== 'kafka' && !existsSync(logDirectory(config.dataDir))) {
    throw new FreshetError('usage', `there is no log in ${config.dataDir}; name its folder with --data-dir`)
  }
  return openConfiguredLog(config)
}

export async function openConfiguredLog(config: Config): Promise<Log> {
  if (config.log.driver === 'kafka') return openKafka(config, systemRuntime)
  const running = await connectToLog(logSocketPath(config.dataDir)).catch(() => null)
  if (running) return remoteLog(running)
  return embeddedLog({ disk: systemDisk, directory: logDirectory(config.dataDir), runtime: systemRuntime })
}
