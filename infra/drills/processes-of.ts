// The processes of a drill: those that every topology has, and those that its fault names in their place.
import type { Role } from '../processes/roles.ts'
import { commonProcesses, type Fault } from './faults.ts'

export interface DrillProcesses {
  readonly processes: Readonly<Record<string, readonly Role[]>>
  readonly idle: readonly string[]
}

/** A role that the fault's own processes have is taken from the common ones; who is left without any is left out. */
export function processesOf({ processes, idle = [] }: Fault): DrillProcesses {
  const taken = new Set(Object.values(processes).flat())
  const common = Object.entries(commonProcesses)
    .filter(([name]) => !(name in processes))
    .map(([name, roles]) => [name, roles.filter((role) => !taken.has(role))] as const)
    .filter(([, roles]) => roles.length > 0)
  return { processes: { ...Object.fromEntries(common), ...processes }, idle }
}
