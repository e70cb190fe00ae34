// A real engine in a process of its own, for tests that kill it: started by the command, ready when it says so, ended by
// a signal and by nothing else.
import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export interface EngineProcess {
  /** Address of the gateway. Rejects where the process ends before it is ready. */
  readonly ready: Promise<string>
  /** What it wrote to stderr, resolved at its end; `failed` where no signal of ours ended it. */
  readonly ended: Promise<{ readonly failed: boolean; readonly said: string }>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves when the process has ended by itself, rejects where that was no clean end. */
  stop(): Promise<void>
}

const command = fileURLToPath(new URL('../cli/freshet.ts', import.meta.url))

/** `compileCache`: where processes keep compiled code for each other; those that are killed only read it. */
export function startEngineProcess(options: {
  readonly dataDir: string
  readonly configPath: string
  readonly compileCache: string
}): EngineProcess {
  const { dataDir, configPath, compileCache } = options
  const child = spawn(process.execPath, [command, 'start', '--data-dir', dataDir, '--config', configPath, '--json'], {
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  let wasKilled = false
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-saidCharsMax)
  })
  const ended = new Promise<{ failed: boolean; said: string }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ failed: !wasKilled && code !== 0, said }))
  })
  const ready = Promise.race([
    readyUrl(child),
    ended.then(({ said }) => Promise.reject(new Error(`the engine ended before it was ready: ${said}`))),
  ])
  ready.catch(() => {})
  return {
    ready,
    ended,
    async kill() {
      wasKilled = true
      child.kill('SIGKILL')
      await ended
    },
    async stop() {
      child.kill('SIGTERM')
      const { failed, said } = await ended
      if (failed) throw new Error(`the engine did not stop cleanly: ${said}`)
    },
  }
}

const saidCharsMax = 1_024

function readyUrl(child: ChildProcess): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const line = text.slice(0, text.indexOf('\n') + 1)
      if (line === '') return
      try {
        resolve((JSON.parse(line) as { url: string }).url)
      } catch (error) {
        reject(error)
      }
    })
  })
}
