// A command run as a person runs it, for tests: a process of its own, its result the last line it prints.
import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../cli/freshet.ts', import.meta.url))

export interface CommandResult<Result> {
  readonly status: number
  /** The last line as JSON; null where nothing was printed. */
  readonly result: Result | null
  readonly said: string
}

/** Never rejects for what the command does. */
export async function runCommand<Result>(
  words: readonly string[],
  place: { readonly dataDir: string; readonly configPath: string; readonly compileCache?: string },
): Promise<CommandResult<Result>> {
  const { dataDir, configPath, compileCache } = place
  const child = spawn(process.execPath, [command, ...words, '--json', '--data-dir', dataDir, '--config', configPath], {
    env: { ...process.env, ...(compileCache ? { NODE_COMPILE_CACHE: compileCache } : {}) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let said = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const status = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? -1))
  })
  const last = printed.trim().split('\n').at(-1) ?? ''
  return { status, result: last === '' ? null : (JSON.parse(last) as Result), said }
}
