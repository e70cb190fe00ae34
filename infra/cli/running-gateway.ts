// The gateway of the process that runs in a data folder, as commands call it.
import { FreshetError } from '../../streams/runtime/errors.ts'
import { readRunning } from '../processes/running-file.ts'
import { commandConfig } from './command-config.ts'

/** Address of the running gateway. Throws shard-unavailable where none runs. */
export function runningGateway(options: Record<string, unknown>): string {
  const { dataDir } = commandConfig(options)
  const url = readRunning(dataDir)?.url
  if (url) return url
  throw new FreshetError('shard-unavailable', `no engine runs in ${dataDir}; start one with freshet start`)
}

/** GET as JSON. Throws shard-unavailable with the gateway's own words. */
export async function getJson<Body>(url: string, path: string): Promise<Body> {
  const response = await fetch(`${url}${path}`)
  const body = (await response.json()) as Body & { error?: { message: string; remedy: string } }
  if (response.ok) return body
  const said = body.error ? `${body.error.message}; ${body.error.remedy}` : `status ${response.status}`
  throw new FreshetError('shard-unavailable', said)
}
