// From an accepted event to a row that serves, under a steady load: first everything in one process on the embedded log,
// then a deployment of several processes on a real Kafka. Prints one JSON object. The load generator shares the machine.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { projectRoot } from '../build/tree.ts'
import { startKafka } from '../engines/kafka/start-kafka.ts'
import { runCommand } from '../processes/command-process.ts'
import { startEngineProcess } from '../processes/engine-process.ts'
import { startTopology } from '../processes/topology.ts'
import { samplePaths } from '../simulation/sample.ts'
import { coresBetween, usageOf } from './shards-usage.ts'

/** Where commands find what they measure. */
interface Place {
  readonly dataDir: string
  readonly configPath: string
}

interface Measured {
  readonly freshnessMs: { readonly p50: number; readonly p99: number }
  /** Of examples in views: one for each model and bucket whose rows an example changed. */
  readonly arrivals: number
  readonly eventsPerSecond: number
  /** In use meanwhile, by process. */
  readonly cores: Readonly<Record<string, number>>
}

const eventsPerSecond = Number(process.env.EVENTS_PER_SECOND ?? 2_000)
const seconds = Number(process.env.SECONDS ?? 30)
const warmUp = { visitSeconds: 12, replaySeconds: 15 }
const compileCache = join(projectRoot, '.build', 'compiled')

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const folder = mkdtempSync(join(tmpdir(), 'freshet-bench-freshness-'))
try {
  const wanted = process.argv.slice(2)
  const single = wanted.includes('kafka') ? null : await measureSingle(join(folder, 'single'))
  const kafka = wanted.includes('single') ? null : await measureKafka(join(folder, 'kafka'))
  const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.version }
  const work = `${seconds} s of ${eventsPerSecond} events/s, after a warm-up`
  process.stdout.write(`${JSON.stringify({ bench: 'freshness', machine, work, single, kafka }, undefined, 2)}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function measureSingle(dataDir: string): Promise<Measured> {
  mkdirSync(dataDir, { recursive: true })
  const configPath = join(dataDir, 'freshet.json')
  writeFileSync(configPath, JSON.stringify({ gateway: { port: 0 } }))
  const engine = startEngineProcess({ dataDir, configPath, compileCache })
  await engine.ready
  const measured = await measure({ dataDir, configPath }, new Map([['engine', engine.pid]]))
  await engine.stop()
  return measured
}

/** Roles that fold records are together, those that compute or answer apart. */
async function measureKafka(directory: string): Promise<Measured> {
  const broker = await startKafka({ directory: join(directory, 'broker') })
  const topology = await startTopology({
    brokers: broker.brokers,
    folder: directory,
    processes: {
      gateway: ['gateway'],
      serving: ['serving'],
      stream: ['joiner', 'counter'],
      trainer: ['trainer'],
      shard: ['shard'],
      encoder: ['encoder'],
    },
    settings: { log: { partitions: 4 }, learning: { buckets: 5 } },
    compileCache,
    onDeath: (name, said) => process.stderr.write(`${name} ended by itself: ${said}\n`),
  })
  try {
    const pids = topology.names.map((name): [string, number] => [name, topology.process(name).pid])
    const place = { dataDir: topology.dataDir('gateway'), configPath: topology.configPath('gateway') }
    return await measure(place, new Map([...pids, ['kafka', broker.pid]]))
  } finally {
    await topology.abandon()
    await broker.stop()
  }
}

async function measure(place: Place, pids: ReadonlyMap<string, number>): Promise<Measured> {
  const { log, users, videos } = samplePaths
  await command(['import', 'kuairand', '--log', log, '--users', users, '--videos', videos], place)
  await command(['simulate', '--seconds', String(warmUp.visitSeconds), '--events-per-second', '200'], place)
  const replayed = seconds + warmUp.replaySeconds
  const load = command<{ eventsPerSecond: number }>(
    ['simulate', '--replay-pages', '--seconds', String(replayed), '--events-per-second', String(eventsPerSecond)],
    place,
  )
  await systemRuntime.timers.sleep(warmUp.replaySeconds * 1_000)
  const before = usageOf(pids)
  const measured = command<Omit<Measured, 'eventsPerSecond' | 'cores'>>(
    ['freshness', '--seconds', String(seconds - 3)],
    place,
  )
  const { freshnessMs, arrivals } = await measured
  const cores = coresBetween(before, usageOf(pids))
  return { freshnessMs, arrivals, eventsPerSecond: (await load).eventsPerSecond, cores }
}

async function command<Result>(words: readonly string[], place: Place): Promise<Result> {
  const { status, result, said } = await runCommand<Result>(words, { ...place, compileCache })
  if (status !== 0 || result === null) throw new Error(`freshet ${words[0]} ended with ${status}: ${said}`)
  return result
}
