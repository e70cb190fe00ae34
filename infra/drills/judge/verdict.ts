// The findings of all checks as one verdict: a drill is passed when nothing is lost, nothing doubled and every byte that a
// fold decides is the fold's.
import type { Finding } from './finding.ts'

export interface Verdict {
  readonly lost: number
  readonly doubled: number
  readonly bytesEqual: boolean
  readonly findings: readonly Finding[]
}

export function verdictOf(findings: readonly Finding[]): Verdict {
  const idle = findings.filter(({ compared }) => compared === 0)
  const empty = idle.map((finding) => ({ ...finding, differences: ['nothing was there to compare'] }))
  const all = [...findings.filter(({ compared }) => compared > 0), ...empty]
  return {
    lost: all.reduce((sum, { lost }) => sum + lost, 0),
    doubled: all.reduce((sum, { doubled }) => sum + doubled, 0),
    bytesEqual: all.every(({ differences }) => differences.length === 0),
    findings: all,
  }
}

export function isPassed({ lost, doubled, bytesEqual }: Verdict): boolean {
  return lost === 0 && doubled === 0 && bytesEqual
}
