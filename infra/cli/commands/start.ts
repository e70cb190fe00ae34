// freshet start: runs the engine until it is told to stop.
import process from 'node:process'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { describeConfig } from '../../config/config.ts'
import { startEngine } from '../../processes/engine.ts'
import type { ReadyLine } from '../../processes/engine-process.ts'
import { rolesOf } from '../../processes/roles.ts'
import { commandConfig } from '../command-config.ts'
import { fail, output } from '../output.ts'

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const config = commandConfig(options)
  const roles = rolesOf(config, String(options.roles))
  for (const line of describeConfig(config)) out.say(line)
  const engine = await startEngine(config, systemRuntime, roles)
  const told = new Promise<null>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(null))
  })
  await engine.whenReady()
  const { url, rpc, metrics } = engine
  const line: ReadyLine = { ready: true, roles: engine.roles, url, rpc, metrics, pid: process.pid }
  out.result({ ...line }, `ready${url ? ` at ${url}` : `: ${engine.roles.join(', ')}; metrics at ${metrics}`}`)
  const failure = await Promise.race([told, engine.failed])
  if (!failure) out.say('stopping')
  await engine.stop()
  if (failure) fail(failure)
  process.exit()
}
