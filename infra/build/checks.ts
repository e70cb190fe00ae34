// The checks that run no test: format and lint, types, generated files. All at once, each with its own verdict.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { projectRoot } from './tree.ts'

interface Check {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const bin = (name: string): string => join(projectRoot, 'node_modules', '.bin', name)

const checks: readonly Check[] = [
  { name: 'format and lint', command: [bin('biome'), 'check', '.'] },
  { name: 'types', command: [bin('tsc'), '-p', '.'] },
  { name: 'generated schemas', command: [process.execPath, 'schemas/generate/generate.ts', '--check'] },
]

export const checkCount = checks.length

/** Runs every check, prints each one's output when it fails, and returns the names of those that did. */
export async function runChecks(): Promise<string[]> {
  const outcomes = await Promise.all(checks.map(runCheck))
  const failed: string[] = []
  for (const { name, code, output, seconds } of outcomes) {
    console.log(`${code === 0 ? '✔' : '✖'} ${name} (${seconds.toFixed(1)} s)`)
    if (code === 0) continue
    failed.push(name)
    console.log(output)
  }
  return failed
}

function runCheck(check: Check): Promise<{ name: string; code: number; output: string; seconds: number }> {
  const startedMs = performance.now()
  return new Promise((resolve) => {
    const child = spawn(check.command[0], check.command.slice(1), { cwd: projectRoot })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    const end = (code: number, output: string) =>
      resolve({ name: check.name, code, output, seconds: (performance.now() - startedMs) / 1_000 })
    child.on('error', (error) => end(1, `${check.command[0]}: ${error.message}: run npm ci`))
    child.on('close', (code) => end(code ?? 1, Buffer.concat(chunks).toString('utf8')))
  })
}
