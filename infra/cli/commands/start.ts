// freshet start: runs the engine until it is told to stop.
import process from 'node:process'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { describeConfig } from '../../config/config.ts'
import { type Role, roleNames, startEngine } from '../../processes/engine.ts'
import { commandConfig } from '../command-config.ts'
import { fail, output } from '../output.ts'

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const config = commandConfig(options)
  const roles = rolesOf(String(options.roles))
  for (const line of describeConfig(config)) out.say(line)
  const engine = await startEngine(config, systemRuntime, roles)
  const told = new Promise<null>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(null))
  })
  await engine.whenReady()
  out.result({ ready: true, url: engine.url, pid: process.pid }, `ready${engine.url ? ` at ${engine.url}` : ''}`)
  const failure = await Promise.race([told, engine.failed])
  if (!failure) out.say('stopping')
  await engine.stop()
  if (failure) fail(failure)
  process.exit()
}

function rolesOf(text: string): Set<Role> {
  if (text === 'all') return new Set(roleNames)
  return new Set(
    text.split(',').map((name) => {
      const role = roleNames.find((known) => known === name.trim())
      if (!role) throw new FreshetError('usage', `there is no role ${name}; write all, or of ${roleNames.join(', ')}`)
      return role
    }),
  )
}
