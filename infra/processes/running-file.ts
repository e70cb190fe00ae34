// Says in the data folder that a process runs there, so that commands find its addresses. Advice, not a lock: the log is locked.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

export interface Addresses {
  /** Address of the gateway; null where this process has none. */
  readonly url: string | null
  /** host:port where other processes call it; null where none does. */
  readonly rpc: string | null
  /** Where it answers /metrics. */
  readonly metrics: string
}

export interface Running extends Addresses {
  readonly pid: number
}

export interface RunningFile {
  remove(): void
}

const fileName = 'running.json'

export function writeRunningFile(dataDir: string, addresses: Addresses): RunningFile {
  const path = join(dataDir, fileName)
  writeFileSync(path, `${JSON.stringify({ pid: process.pid, ...addresses } satisfies Running)}\n`)
  return { remove: () => rmSync(path, { force: true }) }
}

/** null where no process runs in the folder. */
export function readRunning(dataDir: string): Running | null {
  try {
    const running = JSON.parse(readFileSync(join(dataDir, fileName), 'utf8')) as Running
    process.kill(running.pid, 0)
    return running
  } catch {
    return null
  }
}
