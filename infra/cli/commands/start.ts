// freshet start: runs the engine until it is told to stop.
import process from 'node:process'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { describeConfig } from '../../config/config.ts'
import { type Engine, startEngine } from '../../processes/engine.ts'
import type { ReadyLine } from '../../processes/engine-process.ts'
import { rolesOf } from '../../processes/roles.ts'
import { commandConfig } from '../command-config.ts'
import { fail, type Output, output } from '../output.ts'

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const config = commandConfig(options)
  const roles = rolesOf(config, String(options.roles))
  for (const line of describeConfig(config)) out.say(line)
  // Heard of from the first moment: who is told to stop while it starts stops cleanly, too.
  const told = new Promise<null>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(null))
  })
  const engine = await startEngine(config, systemRuntime, roles)
  const ready = engine.whenReady().then(() => tellReady(engine, out))
  ready.catch(() => {})
  const failure = await Promise.race([told, engine.failed, ready.then(() => never, asError)])
  if (!failure) out.say('stopping')
  await engine.stop()
  if (failure) fail(failure)
  process.exit()
}

const never = new Promise<never>(() => {})

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** The line that a supervisor waits for. */
function tellReady(engine: Engine, out: Output): void {
  const { url, rpc, metrics } = engine
  const line: ReadyLine = { ready: true, roles: engine.roles, url, rpc, metrics, pid: process.pid }
  out.result({ ...line }, `ready${url ? ` at ${url}` : `: ${engine.roles.join(', ')}; metrics at ${metrics}`}`)
}
