// The configuration of a command: file, environment, and the options that every command has, in that order.
import process from 'node:process'
import { type Config, loadConfig } from '../config/config.ts'

export function commandConfig(
  options: Record<string, unknown>,
  flags: Readonly<Record<string, string | undefined>> = {},
): Config {
  return loadConfig({
    path: options.config === undefined ? undefined : String(options.config),
    environment: process.env,
    flags: { dataDir: options.dataDir === undefined ? undefined : String(options.dataDir), ...flags },
  })
}
