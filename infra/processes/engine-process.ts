// A real engine in a process of its own, for tests and drills that kill it: started by the command, ready when it says so,
// ended by a signal and by nothing else.
import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from './node-flags.ts'
import type { Addresses } from './running-file.ts'

/** What a process prints when it is ready. */
export interface ReadyLine extends Addresses {
  readonly ready: true
  readonly roles: readonly string[]
  readonly pid: number
}

export interface EngineProcess {
  readonly pid: number
  /** Rejects where the process ends before it is ready. */
  readonly ready: Promise<ReadyLine>
  /** What it wrote to stderr last, resolved at its end; `failed` where no signal of ours ended it, or not cleanly. */
  readonly ended: Promise<{ readonly failed: boolean; readonly said: string }>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves when the process has ended by itself, rejects where that was no clean end. */
  stop(): Promise<void>
  /** SIGSTOP: it stands still until it is resumed or killed. */
  pause(): void
  resume(): void
}

const command = fileURLToPath(new URL('../cli/freshet.ts', import.meta.url))

export interface EngineProcessOptions {
  /** How it is called in errors; "the engine" by default. */
  readonly name?: string
  readonly dataDir: string
  readonly configPath: string
  /** Where processes keep compiled code for each other; those that are killed only read it. */
  readonly compileCache: string
  /** All by default. */
  readonly roles?: readonly string[]
}

export function startEngineProcess(options: EngineProcessOptions): EngineProcess {
  const { dataDir, configPath, compileCache, roles = ['all'], name = 'the engine' } = options
  const argv = ['start', '--roles', roles.join(','), '--data-dir', dataDir, '--config', configPath, '--json']
  const child = spawn(process.execPath, [...nodeFlags, command, ...argv], {
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killChild = () => void child.kill('SIGKILL')
  leftBehind.add(child)
  let said = ''
  let wasKilled = false
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-saidCharsMax)
  })
  const ended = new Promise<{ failed: boolean; said: string }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      leftBehind.delete(child)
      resolve({ failed: !wasKilled && code !== 0, said })
    })
  })
  ended.catch(() => {})
  const ready = Promise.race([
    readyLine(child),
    ended.then(({ said }) => Promise.reject(new Error(`${name} ended before it was ready: ${said}`))),
  ])
  ready.catch(() => {})
  return {
    pid: child.pid ?? -1,
    ready,
    ended,
    async kill() {
      wasKilled = true
      killChild()
      await ended
    },
    async stop() {
      child.kill('SIGTERM')
      // One that stands still would never hear of it.
      child.kill('SIGCONT')
      const { failed, said } = await ended
      if (failed) throw new Error(`${name} did not stop cleanly: ${said}`)
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  }
}

const saidCharsMax = 4_096

/** Whoever started them does not leave them behind. */
const leftBehind = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of leftBehind) child.kill('SIGKILL')
})

function readyLine(child: ChildProcess): Promise<ReadyLine> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const line = text.slice(0, text.indexOf('\n') + 1)
      if (line === '') return
      try {
        resolve(JSON.parse(line) as ReadyLine)
      } catch (error) {
        reject(error)
      }
    })
  })
}
