// Runs the table's benchmark beside a C++ table with the same ids, both on one core, and prints the result as JSON. Without
// g++ it runs alone and says how to get it.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { benchTable } from '../../trainers/table/table.bench.ts'
import { startTableReference } from './table-reference.ts'

const pinnedFlag = '--pinned'

/** Starts this file again on one core, with what it starts. False where there is no taskset. */
function runPinned(): boolean {
  const core = cpus().length - 1
  const command = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), pinnedFlag]
  const { error, status } = spawnSync('taskset', ['-c', String(core), ...command], { stdio: 'inherit' })
  if (error) return false
  process.exitCode = status ?? 1
  return true
}

/** CPU time of this thread. Linux tells it to the nanosecond in a file, which the first call brings up to date: without
 *  both it would count in ticks of 4 ms. */
function cpuMs(): number {
  process.cpuUsage()
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6
  } catch {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
}

async function run(pinned: boolean): Promise<void> {
  const result = await benchTable({ clock: systemRuntime.clock, cpuMs, startReference: startTableReference })
  const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.version, pinned }
  const remedy = 'there is no g++ to build the reference: install it (apt-get install g++) and run this again'
  const note = result.ratio === null ? { ratioMissing: remedy } : {}
  process.stdout.write(`${JSON.stringify({ ...result, ...note, machine }, undefined, 2)}\n`)
}

if (process.argv.includes(pinnedFlag)) await run(true)
else if (!runPinned()) await run(false)
