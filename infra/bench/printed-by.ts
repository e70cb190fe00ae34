// What a program prints, for benchmarks and references that are processes of their own; what it says goes on to the terminal.
import { spawn } from 'node:child_process'
import { FreshetError } from '../../streams/runtime/errors.ts'

/** Rejects with engine-failed where it does not end well: `name` ended with its status, then what to do. */
export function printedBy(command: string, words: readonly string[], name: string, remedy: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(text) : reject(new FreshetError('engine-failed', `${name} ended with ${code}; ${remedy}`)),
    )
  })
}
