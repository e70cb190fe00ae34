// freshet demo: the whole loop in a folder of its own. A real sample is replayed as events, then a population with known
// tastes swipes; a live view shows what the loop does, and with --json the last line is the result.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createLogUpdate } from 'log-update'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { type Engine, startEngine } from '../../processes/engine.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { runPopulation } from '../../simulation/population.ts'
import { catalogOf, samplePaths } from '../../simulation/sample.ts'
import { commandConfig } from '../command-config.ts'
import { demoLog } from '../demo-log.ts'
import { DemoMeter } from '../demo-meter.ts'
import { demoView } from '../demo-view.ts'
import { importIntoLog } from '../import/import-into-log.ts'
import { readKuairand } from '../import/kuairand-files.ts'
import { output } from '../output.ts'

const foreverSeconds = 365 * 86_400
const viewEveryMs = 1_000
const catchUpPollMs = 100
/** A few visitors before the measured ones, of whom nothing is counted: code compiles on its first hundreds of runs. */
const warmUp = { users: 24, seconds: 6, eventsPerSecond: 250 }
const warmUpSeedStep = 1_000_003

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const wanted = demoOptions(options)
  const ownFolder = options.dataDir === undefined
  const dataDir = ownFolder ? mkdtempSync(join(tmpdir(), 'freshet-demo-')) : String(options.dataDir)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const logOfDemo = await demoLog(wanted.driver, dataDir, out)
  try {
    const config = commandConfig(options, {
      dataDir,
      // A minute is the whole demo: towers must show what they learned before it is over.
      generationMs: '10000',
      ...(out.json ? { 'gateway.port': '0' } : {}),
      ...logOfDemo.flags,
    })
    const engine = await startEngine(config, systemRuntime)
    engine.failed.then((error) => {
      process.stderr.write(`freshet: ${error.message}\n`)
      process.exitCode = 1
      stop.abort()
    })
    try {
      const files = await readKuairand({
        logs: [samplePaths.log],
        users: samplePaths.users,
        videos: samplePaths.videos,
      })
      const meter = new DemoMeter(engine)
      const view = liveView(meter, out.json || !process.stdout.isTTY)
      const { features } = modelSetup(config)
      meter.phase = 'replaying a real sample as events'
      await importIntoLog({
        files,
        features,
        log: engine.log,
        runtime: systemRuntime,
        signal: stop.signal,
        onProgress: ({ events }) => out.progress(`replaying the sample: ${events.toLocaleString('en')} events`),
      })
      await caughtUp(engine, stop.signal)
      const world = { baseUrl: engine.url!, catalog: catalogOf(files.videos), signal: stop.signal }
      meter.phase = 'warming up'
      await engine.rehearse()
      await runPopulation({ ...world, ...warmUp, seed: wanted.seed + warmUpSeedStep })
      await meter.startLive()
      const population = await runPopulation({
        ...world,
        users: wanted.users,
        seconds: wanted.seconds ?? foreverSeconds,
        eventsPerSecond: wanted.eventsPerSecond,
        seed: wanted.seed,
        onProgress: (report) => {
          meter.population = report
          if (out.json) out.progress(meter.line())
        },
      })
      meter.population = population
      await caughtUp(engine, AbortSignal.timeout(10_000))
      await meter.refresh()
      view.end()
      out.result(meter.result(), demoView(meter.status()))
    } finally {
      await engine.stop()
    }
  } finally {
    await logOfDemo.stop()
    if (ownFolder) rmSync(dataDir, { recursive: true, force: true })
  }
}

interface DemoOptions {
  readonly seconds: number | null
  readonly users: number
  readonly eventsPerSecond: number
  readonly seed: number
  readonly driver: 'embedded' | 'kafka'
}

function demoOptions(options: Record<string, unknown>): DemoOptions {
  const driver = String(options.log)
  if (driver !== 'embedded' && driver !== 'kafka') {
    throw new FreshetError('usage', `--log is embedded or kafka, not ${driver}`)
  }
  const seconds = options.seconds
  return {
    seconds: seconds === undefined ? null : positive('--seconds', seconds),
    users: positive('--users', options.users),
    eventsPerSecond: positive('--events-per-second', options.eventsPerSecond),
    seed: positive('--seed', options.seed),
    driver,
  }
}

function positive(name: string, value: unknown): number {
  const number = Number(value)
  if (Number.isInteger(number) && number > 0) return number
  throw new FreshetError('usage', `${name} is a whole number above 0, not ${String(value)}`)
}

/** Waits until every processor has folded what is in the log. */
async function caughtUp(engine: Engine, signal: AbortSignal): Promise<void> {
  await engine.whenReady()
  while (!signal.aborted) {
    const lag = await engine.lag()
    // Ticks keep coming: a handful of records is being there.
    if (lag.length > 0 && lag.every((one) => one.lag < 20)) return
    await systemRuntime.timers.sleep(catchUpPollMs)
  }
}

function liveView(meter: DemoMeter, quiet: boolean): { end(): void } {
  const update = createLogUpdate(process.stdout)
  const stop = systemRuntime.timers.every(viewEveryMs, async () => {
    await meter.refresh()
    if (!quiet) update(demoView(meter.status()))
  })
  return {
    end() {
      stop()
      if (!quiet) update.clear()
    },
  }
}
