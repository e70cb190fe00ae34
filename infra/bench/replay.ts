// Replay through the whole path on one core: a log of KuaiRand, frozen and encoded beforehand, goes from a log on the disk
// through joiner, counter and trainer with the shipped model, side by side as in a learning thread, deltas included. CPU time
// counts, of all threads of the process; waits for the disk do not. A round is shorter than an engine's two minutes from checkpoint
// to checkpoint, so what it costs to dump the three states once is told apart. The carried sample; LOGS=F,F USERS=F VIDEOS=F for
// another log of its kind.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encode } from '../../schemas/codec.ts'
import type { AnyRecord } from '../../schemas/generated.ts'
import { countsModel, examples, interactions, modelTopics, userTopics } from '../../schemas/topics.ts'
import { countReader } from '../../serving/view/count-view.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { joiner } from '../../streams/joiner/joiner.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { type Log, type NewRecord, partitionOf } from '../../streams/log/log.ts'
import { type PartitionRunner, partitionRunner } from '../../streams/processor/partition-runner.ts'
import type { Processor } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { folderBlobStore } from '../../streams/stores/folder-blob-store.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { countsSpec, foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { type OnlineTrainerOptions, onlineTrainer } from '../../trainers/online-trainer.ts'
import { countShard } from '../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { importWalk } from '../cli/import/import-walk.ts'
import { type KuairandPaths, readKuairand } from '../cli/import/kuairand-files.ts'
import { defaultConfig } from '../config/config-schema.ts'
import { samplePaths } from '../simulation/sample.ts'

const pinnedFlag = '--pinned'
/** The first compiles and does not count. */
const rounds = 3
/** Appended at 5,000 records a second, a partition has so many between two Ticks. */
const recordsPerTick = 500
const tickMs = 100
const recordsPerAppend = 500
const partition = partitionOf(0)
const features = featureSet(defaultFeatures)

/** Starts this file again on one core. False where there is no taskset. */
function runPinned(): boolean {
  const command = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), pinnedFlag]
  const { error, status } = spawnSync('taskset', ['-c', String(cpus().length - 1), ...command], { stdio: 'inherit' })
  if (error) return false
  process.exitCode = status ?? 1
  return true
}

const counterOf = () =>
  countShard({ spec: countsSpec, featureSet: features, tableFactory: wasmTable, syncIntervalMs: tickMs })
const trainerOf = (onLearned: NonNullable<OnlineTrainerOptions['onLearned']>) =>
  onlineTrainer({ spec: foryouSpec, featureSet: features, tableFactory: wasmTable, syncIntervalMs: tickMs, onLearned })

function logPaths(): KuairandPaths {
  const { log, users, videos } = samplePaths
  const { LOGS, USERS, VIDEOS } = process.env
  return { logs: LOGS?.split(',') ?? [log], users: USERS ?? users, videos: VIDEOS ?? videos }
}

/** What `interactions` holds after an import, with a Tick now and then. */
async function importedRecords(paths: KuairandPaths): Promise<NewRecord[]> {
  const files = await readKuairand(paths)
  const counter = counterOf()
  const walk = importWalk({ features, joiner: joiner(), counter, counts: countReader(counter.shard) })
  for (const video of files.videos) walk.video(video)
  for (const user of files.users) walk.user(user)
  const records: NewRecord[] = []
  const add = (record: AnyRecord & { readonly eventTimeMs: number }, key: string): void => {
    const timestampMs = 1 + Math.floor((records.length * tickMs) / recordsPerTick)
    const value = encode({ ...record, receivedTimeMs: timestampMs } as AnyRecord)
    records.push({ key, value, timestampMs, partition })
    if (records.length % recordsPerTick !== 0) return
    walk.tick(record.eventTimeMs)
    const tick = encode({ type: 'Tick', eventTimeMs: timestampMs, receivedTimeMs: timestampMs })
    records.push({ key: null, value: tick, timestampMs, partition })
  }
  for (const event of files.timeline('drop')) {
    if (event.kind === 'impression') add(walk.impression(event), event.userId)
    else {
      walk.engagement(event.record)
      add(event.record, event.record.userId)
    }
  }
  return records
}

/** CPU seconds of this process, all threads. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

interface Round {
  readonly seconds: number
  readonly dumpSeconds: number
  readonly stepsSeconds: Readonly<Record<string, number>>
  readonly examples: number
}

async function round(records: readonly NewRecord[]): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), 'freshet-bench-replay-'))
  const log = await embeddedLog({ disk: systemDisk, directory: join(folder, 'log'), runtime: systemRuntime })
  try {
    const blobs = folderBlobStore(systemDisk, join(folder, 'blobs'))
    for (const spec of [...userTopics(1), ...modelTopics(countsModel, 1), ...modelTopics(foryouSpec.model, 1)]) {
      await log.ensureTopic(spec)
    }
    for (let start = 0; start < records.length; start += recordsPerAppend) {
      await log.append(interactions, records.slice(start, start + recordsPerAppend))
    }
    let learned = 0
    const onLearned = (batch: readonly unknown[]) => {
      learned += batch.length
    }
    const folds = [
      new Fold(log, blobs, interactions, joiner()),
      new Fold(log, blobs, examples, counterOf()),
      new Fold(log, blobs, examples, trainerOf(onLearned)),
    ]
    const before = cpuSeconds()
    for (const fold of folds) fold.start()
    // Each has all its input when the one before it has ended.
    for (const fold of folds) await fold.finish()
    const folded = cpuSeconds()
    const seconds = folded - before
    for (const fold of folds) fold.dump()
    const dumpSeconds = cpuSeconds() - folded
    const stepsSeconds = Object.fromEntries(folds.map(({ name, stepSeconds }) => [name, stepSeconds]))
    return { seconds, dumpSeconds, stepsSeconds, examples: learned }
  } finally {
    await log.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A processor on its topic, and how long its steps took. */
class Fold {
  readonly name: string
  stepSeconds = 0
  readonly #log: Log
  readonly #topic: string
  readonly #processor: Processor
  readonly #runner: PartitionRunner
  readonly #ending = new AbortController()
  #running: Promise<void> | null = null

  constructor(log: Log, blobs: BlobStore, topic: string, processor: Processor) {
    this.name = processor.name
    this.#log = log
    this.#topic = topic
    this.#processor = processor
    const group = processor.name
    const timed = this.#timed(processor)
    const checkpointEveryMs = defaultConfig.checkpointIntervalMs
    const options = { log, blobs, runtime: systemRuntime, group, topic, partition, checkpointEveryMs }
    this.#runner = partitionRunner({ ...options, processor: timed })
  }

  start(): void {
    this.#running = this.#runner.run(this.#ending.signal)
  }

  /** Waits until it has folded what the topic holds and its outputs are durable. */
  async finish(): Promise<void> {
    const { latest } = await this.#log.bounds({ topic: this.#topic, partition })
    while (this.#runner.progress().next < latest) await systemRuntime.timers.sleep(10, this.#ending.signal)
    this.#runner.abandon()
    this.#ending.abort()
    await this.#running
    const { deadLetters } = this.#runner.progress()
    assert(deadLetters === 0, `${this.name} refused ${deadLetters} records`)
  }

  /** The parts of a checkpoint, taken and dropped. */
  dump(): void {
    if (this.#processor.dumpParts) Array.from(this.#processor.dumpParts(), ({ byteLength }) => byteLength)
    else this.#processor.dump()
  }

  #timed(processor: Processor): Processor {
    return {
      name: processor.name,
      step: (input, output) => {
        const startMs = performance.now()
        const stepping = processor.step(input, output)
        this.stepSeconds += (performance.now() - startMs) / 1_000
        return stepping
      },
      dump: () => processor.dump(),
      ...(processor.dumpParts ? { dumpParts: () => processor.dumpParts!() } : {}),
      load: (dump) => processor.load(dump),
    }
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)]!
}

async function run(pinned: boolean): Promise<void> {
  await denseCompute()
  const paths = logPaths()
  const records = await importedRecords(paths)
  await round(records)
  const measured: Round[] = []
  for (let index = 1; index < rounds; index++) measured.push(await round(records))
  const seconds = median(measured.map((own) => own.seconds))
  const middle = measured.find((own) => own.seconds === seconds)!
  const result = {
    bench: 'replay',
    work: 'log, joiner, counter and trainer; CPU seconds of all threads, median round',
    logs: paths.logs,
    records: records.length,
    examples: middle.examples,
    examplesPerSecond: Math.round(middle.examples / seconds),
    seconds,
    dumpSeconds: middle.dumpSeconds,
    stepsSeconds: middle.stepsSeconds,
    machine: { processor: cpus()[0]?.model, cores: cpus().length, node: process.version, pinned },
  }
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)
}

if (process.argv.includes(pinnedFlag)) await run(true)
else if (!runPinned()) await run(false)
