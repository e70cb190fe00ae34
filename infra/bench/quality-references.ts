// The programs that a user would pick instead, each a process that predicts a log and writes what it predicted to a file.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { printedBy } from './printed-by.ts'

/** Scripts beside `install.sh`, by the name under which their figures are reported. */
export const referenceScripts = { pytorch: 'quality_torch.py', lightgbm: 'quality_lightgbm.py' } as const
export type ReferenceName = keyof typeof referenceScripts
export const referenceNames = Object.keys(referenceScripts) as ReferenceName[]

export interface ReferenceWork {
  readonly logs: readonly string[]
  readonly users: string
  readonly videos: string
  readonly scoreFromMs: number
}

const pythonPath = fileURLToPath(new URL('../../.build/references/bin/python', import.meta.url))

export function scriptPath(script: string): string {
  return fileURLToPath(new URL(`./references/${script}`, import.meta.url))
}

/** Whether `make references` was run. */
export function hasReferences(): boolean {
  return existsSync(pythonPath)
}

/** What the check says where nothing is wrong. Throws engine-failed where something is. */
export async function checkReferences(): Promise<string> {
  return (await printedByScript('quality_check.py', [])).trim()
}

/** Writes its predictions of the scored rows to `path`, as `evaluate --against` reads them; CPU seconds of it. */
export async function runReference(name: ReferenceName, work: ReferenceWork, path: string): Promise<number> {
  const { logs, users, videos, scoreFromMs } = work
  const text = await printedByScript(referenceScripts[name], [logs.join(','), users, videos, String(scoreFromMs), path])
  return Number(text)
}

function printedByScript(script: string, words: readonly string[]): Promise<string> {
  // -B: nothing is written beside the scripts.
  return printedBy(pythonPath, ['-B', scriptPath(script), ...words], script, 'see above, and run make references')
}
