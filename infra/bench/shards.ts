// How fast 1, 2 and 4 parameter shards fold the same backlog of gradients from a real Kafka, how fast they then answer
// pulls, stop behind a snapshot and come back from it. Prints one JSON object; PLOT=FILE draws it as SVG. Shards, broker and
// the clients that ask share the machine.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { initialDense } from '../../trainers/model/initial-parameters.ts'
import { modelLayout } from '../../trainers/model/model-layout.ts'
import { projectRoot } from '../build/tree.ts'
import { type Config, resolveConfig } from '../config/config.ts'
import { startKafka } from '../engines/kafka/start-kafka.ts'
import { modelSetup } from '../processes/model-setup.ts'
import { openOwnLog } from '../processes/open-log.ts'
import { type Backlog, fillBacklog } from './shards-backlog.ts'
import { plotShards } from './shards-plot.ts'
import { measureShards, type ShardsMeasured } from './shards-run.ts'

const shardCounts = [1, 2, 4]
/** Enough that each of four shards has rows to fold, whoever is given the bucket of the dense tensors. */
const rowBuckets = 8
const buckets = rowBuckets + 1
const examplePartitions = 8
const examplesPerBatch = 512
const batches = Number(process.env.BATCHES ?? 560)
/** No checkpoint falls into what is measured: each is measured by itself at the end. */
const settings = {
  log: { partitions: examplePartitions },
  learning: { buckets },
  checkpointIntervalMs: 24 * 3_600_000,
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const folder = mkdtempSync(join(tmpdir(), 'freshet-bench-shards-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
await main()

async function main(): Promise<void> {
  const startMs = performance.now()
  const backlog = await fill()
  process.stderr.write(`the backlog took ${Math.round((performance.now() - startMs) / 1_000)} s\n`)
  const runs: ShardsMeasured[] = []
  for (const shards of shardCounts) {
    runs.push(await measure(shards, backlog))
    process.stderr.write(`${JSON.stringify(runs.at(-1))}\n`)
  }
  const { examples, rows, bytes } = backlog
  const cores = availableParallelism()
  const result = {
    bench: 'shards',
    machine: { processor: cpus()[0]?.model, cores, node: process.version },
    work: `${batches} batches of ${examplesPerBatch} examples of the model foryou in ${rowBuckets} row buckets and a dense one`,
    backlog: {
      examples,
      rows,
      bytes,
      rowsPerExample: Number((rows / examples).toFixed(1)),
      bytesPerExample: Math.round(bytes / examples),
      bytesPerRow: Number((bytes / rows).toFixed(1)),
    },
    runs,
    limit: limitOf(runs, cores),
  }
  if (process.env.PLOT) writeFileSync(process.env.PLOT, await plotShards(result))
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)
}

function configFor(brokers: readonly string[]): Config {
  const own = { ...settings, log: { ...settings.log, driver: 'kafka', brokers } }
  const text = JSON.stringify({ ...own, learning: { ...settings.learning, mode: 'distributed' } })
  return resolveConfig({ file: { path: 'the benchmark', text }, environment: {}, flags: {} })
}

/** The broker's folder as every measurement begins with it. */
async function fill(): Promise<Backlog> {
  const broker = await startKafka({ directory: join(folder, 'filled') })
  const config = configFor(broker.brokers)
  const { spec, features } = modelSetup(config)
  const { log } = await openOwnLog(config, spec.model, runtime)
  try {
    const dense = initialDense(spec, modelLayout(spec, features))
    return await fillBacklog({ log, spec, dense, buckets, examplePartitions, batches, examplesPerBatch })
  } finally {
    await log.close()
    await broker.stop()
  }
}

async function measure(shards: number, backlog: Backlog): Promise<ShardsMeasured> {
  const own = join(folder, String(shards))
  cpSync(join(folder, 'filled'), join(own, 'broker'), { recursive: true })
  const broker = await startKafka({ directory: join(own, 'broker') })
  const config = configFor(broker.brokers)
  const { spec } = modelSetup(config)
  const { log, close } = await openOwnLog(config, spec.model, runtime)
  try {
    const compileCache = join(projectRoot, '.build', 'compiled')
    return await measureShards({ shards, folder: own, broker, log, spec, buckets, backlog, settings, compileCache })
  } finally {
    await close()
    await broker.stop()
    rmSync(own, { recursive: true, force: true })
  }
}

/** What kept the largest number of shards from folding faster, as the processor times say it. */
function limitOf(runs: readonly ShardsMeasured[], cores: number): string {
  const { shards, folding } = runs.at(-1)!
  const { kafka, others, idle, asker } = folding.cores as Record<'kafka' | 'others' | 'idle' | 'asker', number>
  const ofShards = Object.entries(folding.cores).reduce(
    (sum, [name, own]) => sum + (name.startsWith('shard') ? own : 0),
    0,
  )
  const used = `${shards} shards took ${ofShards.toFixed(2)} cores, Kafka ${kafka}, the clock of the benchmark ${asker}, others on the machine ${others}; ${idle} of ${cores} were idle`
  return idle < 0.1 * cores ? `the processors: ${used}` : `not the processors alone: ${used}`
}
