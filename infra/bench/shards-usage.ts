// What processes take of the machine, as Linux counts it: processor time and memory of each, and how busy all cores are.
import { readFileSync } from 'node:fs'

/** Of one moment; the difference of two says what was used between them. */
export interface Usage {
  readonly timeMs: number
  /** By process: time on any core. */
  readonly cpuMsByName: ReadonlyMap<string, number>
  /** All cores together. */
  readonly busyMs: number
  readonly idleMs: number
}

/** USER_HZ, which Linux has fixed at 100 for whoever reads /proc. */
const msPerTick = 10

export function usageOf(pidByName: ReadonlyMap<string, number>): Usage {
  const [user, nice, system, idle, waiting, irq, softIrq, stolen] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number) as [number, number, number, number, number, number, number, number]
  return {
    timeMs: performance.now(),
    cpuMsByName: new Map([...pidByName].map(([name, pid]) => [name, cpuMsOf(pid)])),
    busyMs: (user + nice + system + irq + softIrq + stolen) * msPerTick,
    idleMs: (idle + waiting) * msPerTick,
  }
}

/** Cores in use between two moments, by process; `others` is what no process given here took, `idle` what nobody did. */
export function coresBetween(from: Usage, to: Usage): Readonly<Record<string, number>> {
  const tookMs = to.timeMs - from.timeMs
  const own = [...to.cpuMsByName].map(([name, ms]): [string, number] => [
    name,
    (ms - from.cpuMsByName.get(name)!) / tookMs,
  ])
  const named = own.reduce((sum, [, cores]) => sum + cores, 0)
  const others = Math.max(0, (to.busyMs - from.busyMs) / tookMs - named)
  const all: [string, number][] = [...own, ['others', others], ['idle', (to.idleMs - from.idleMs) / tookMs]]
  return Object.fromEntries(all.map(([name, cores]) => [name, Number(cores.toFixed(2))]))
}

export function residentBytesOf(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes ?? 0) * 1_024
}

function cpuMsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * msPerTick
}
