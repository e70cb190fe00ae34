// What a command prints: words for a person, or with --json one object as the last line.
import process from 'node:process'
import { FreshetError } from '../../streams/runtime/errors.ts'

export interface Output {
  readonly json: boolean
  /** Words for a person; with --json they go to standard error, so that the result stays the last line. */
  say(text: string): void
  /** One line that replaces the one before it on a terminal. */
  progress(text: string): void
  /** The result: an object with --json, else the given words. */
  result(value: Readonly<Record<string, unknown>>, words: string): void
}

const progressIntervalMs = 2_000

export function output(json: boolean): Output {
  let shownAt = 0
  let open = false
  const closeLine = (): void => {
    if (open) process.stderr.write('\n')
    open = false
  }
  return {
    json,
    say(text) {
      closeLine()
      ;(json ? process.stderr : process.stdout).write(`${text}\n`)
    },
    progress(text) {
      if (process.stderr.isTTY) {
        process.stderr.write(`\r\u001b[2K${text}`)
        open = true
      } else if (performance.now() - shownAt > progressIntervalMs) {
        shownAt = performance.now()
        process.stderr.write(`${text}\n`)
      }
    },
    result(value, words) {
      closeLine()
      process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${words}\n`)
    },
  }
}

/** Prints an error the way every command does and sets the exit status: 2 for a wrong call, 1 for what failed. */
export function fail(error: unknown): void {
  const known = error instanceof FreshetError
  const text = known ? `${error.code}: ${error.message}` : String((error as Error)?.stack ?? error)
  process.stderr.write(`freshet: ${text}\n`)
  process.exitCode = known && (error.code === 'usage' || error.code === 'config-invalid') ? 2 : 1
}
