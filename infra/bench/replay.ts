// Replay through the whole path on one core: a log on the disk goes through joiner, counter and trainer with the shipped model,
// side by side as in a learning thread, deltas included. CPU time counts, of all threads of the process; waits for the disk do
// not. The log is that of `replay-laps.ts`: laps that one set of processors folds one after the other. The first finds code that
// was never run and empty tables: it is told apart. So is what a checkpoint's dump of the three states costs, which
// an engine takes every two minutes; none falls into a lap. LAPS=1 for a log that is long by itself.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { countsModel, deltasOf, examples, interactions } from '../../schemas/topics.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { joiner } from '../../streams/joiner/joiner.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { type Log, type NextOptions, partitionOf, type Reader, type ReadPosition } from '../../streams/log/log.ts'
import { type PartitionRunner, partitionRunner } from '../../streams/processor/partition-runner.ts'
import type { Processor } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { folderBlobStore } from '../../streams/stores/folder-blob-store.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { countsSpec, foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { onlineTrainer } from '../../trainers/online-trainer.ts'
import { countShard } from '../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { logPaths, tickMs } from './replay-laps.ts'

const pinnedFlag = '--pinned'
const laps = Number(process.env.LAPS ?? 6)
/** Longer than all laps. */
const checkpointEveryMs = 86_400_000
const partition = partitionOf(0)

/** Starts this file again on one core. False where there is no taskset. */
function runPinned(): boolean {
  const command = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), pinnedFlag]
  const { error, status } = spawnSync('taskset', ['-c', String(cpus().length - 1), ...command], { stdio: 'inherit' })
  if (error) return false
  process.exitCode = status ?? 1
  return true
}

/** Gives the offset at which each lap ends. */
function makeLog(directory: string): readonly number[] {
  const file = join(import.meta.dirname, 'replay-laps.ts')
  const command = [...process.execArgv, file, directory, String(laps)]
  const { status, stdout } = spawnSync(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] })
  assert(status === 0, `the log was not made: exit ${status}`)
  return JSON.parse(stdout.toString()) as number[]
}

/** CPU seconds of this process, all threads. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Holds readers back at the end of a lap. */
class Gate {
  end = 0
  #opened = Promise.withResolvers<void>()

  open(end: number): void {
    this.end = end
    this.#opened.resolve()
    this.#opened = Promise.withResolvers()
  }

  /** A reader that goes no further than the gate lets it. */
  reader(inner: Reader): Reader {
    let isClosed = false
    return {
      get position() {
        return inner.position
      },
      next: async (options: NextOptions) => {
        if (inner.position >= this.end) await this.#opened.promise
        if (isClosed) return []
        return inner.next({ ...options, recordsMax: Math.min(options.recordsMax, this.end - inner.position) })
      },
      close: () => {
        isClosed = true
        this.open(this.end)
        return inner.close()
      },
    }
  }
}

interface FoldOptions {
  readonly log: Log
  readonly blobs: BlobStore
  readonly topic: string
  readonly processor: Processor
  /** The topic that all its outputs go to. */
  readonly outputTopic: string
  readonly openReader?: (position: ReadPosition) => Promise<Reader>
}

/** A processor on its topic, and how long its steps took. */
class Fold {
  readonly name: string
  stepSeconds = 0
  readonly #options: FoldOptions
  readonly #runner: PartitionRunner
  readonly #ending = new AbortController()
  readonly #running: Promise<void>

  constructor(options: FoldOptions) {
    const { processor } = options
    this.name = processor.name
    this.#options = options
    const own = { ...options, processor: this.#timed(processor), group: processor.name, checkpointEveryMs }
    this.#runner = partitionRunner({ ...own, runtime: systemRuntime, partition })
    this.#running = this.#runner.run(this.#ending.signal)
  }

  /** Resolves when it has folded what its topic holds, or `end`, and its outputs are durable. */
  async through(end?: number): Promise<void> {
    const { log, topic, outputTopic } = this.#options
    const wanted = end ?? (await log.bounds({ topic, partition })).latest
    while (this.#runner.progress().next < wanted) await this.#pause()
    const { outputs, deadLetters } = this.#runner.progress()
    assert(deadLetters === 0, `${this.name} refused ${deadLetters} records`)
    while ((await log.bounds({ topic: outputTopic, partition })).latest < outputs) await this.#pause()
  }

  async stop(): Promise<void> {
    this.#runner.abandon()
    this.#ending.abort()
    await this.#running
  }

  /** The parts of a checkpoint, taken and dropped. */
  dump(): void {
    const { processor } = this.#options
    if (processor.dumpParts) Array.from(processor.dumpParts(), ({ byteLength }) => byteLength)
    else processor.dump()
  }

  #pause(): Promise<void> {
    return systemRuntime.timers.sleep(10, this.#ending.signal)
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

interface Lap {
  readonly examples: number
  readonly seconds: number
  readonly stepsSeconds: Readonly<Record<string, number>>
}

/** All laps through one set of processors; then one dump of each. */
async function replay(directory: string, ends: readonly number[]): Promise<{ measured: Lap[]; dumpSeconds: number }> {
  const log = await embeddedLog({ disk: systemDisk, directory: join(directory, 'log'), runtime: systemRuntime })
  const blobs = folderBlobStore(systemDisk, join(directory, 'blobs'))
  const features = featureSet(defaultFeatures)
  const gate = new Gate()
  let learned = 0
  const onLearned = (batch: readonly unknown[]) => {
    learned += batch.length
  }
  const owning = { featureSet: features, tableFactory: wasmTable, syncIntervalMs: tickMs }
  const base = { log, blobs }
  const joining = new Fold({
    ...base,
    topic: interactions,
    processor: joiner(),
    outputTopic: examples,
    openReader: async (position) => gate.reader(await log.openReader(position)),
  })
  const learning = [
    { processor: countShard({ ...owning, spec: countsSpec }), outputTopic: deltasOf(countsModel) },
    { processor: onlineTrainer({ ...owning, spec: foryouSpec, onLearned }), outputTopic: deltasOf(foryouSpec.model) },
  ].map((own) => new Fold({ ...base, ...own, topic: examples }))
  const folds = [joining, ...learning]
  const measured: Lap[] = []
  for (const end of ends) {
    for (const fold of folds) fold.stepSeconds = 0
    const [before, learnedBefore] = [cpuSeconds(), learned]
    gate.open(end)
    await joining.through(end)
    // These have all their input then.
    for (const fold of learning) await fold.through()
    const seconds = cpuSeconds() - before
    const stepsSeconds = Object.fromEntries(folds.map(({ name, stepSeconds }) => [name, stepSeconds]))
    measured.push({ examples: learned - learnedBefore, seconds, stepsSeconds })
  }
  const before = cpuSeconds()
  for (const fold of folds) fold.dump()
  const dumpSeconds = cpuSeconds() - before
  for (const fold of folds) await fold.stop()
  await log.close()
  return { measured, dumpSeconds }
}

function rateOf({ examples: count, seconds }: Lap): number {
  return Math.round(count / seconds)
}

async function run(pinned: boolean): Promise<void> {
  assert(Number.isInteger(laps) && laps > 0, `LAPS is a whole number from 1 on, not ${process.env.LAPS}`)
  await denseCompute()
  const directory = mkdtempSync(join(tmpdir(), 'freshet-bench-replay-'))
  try {
    const ends = makeLog(join(directory, 'log'))
    const { measured, dumpSeconds } = await replay(directory, ends)
    const [first, ...others] = measured
    const sorted = (laps > 1 ? others : measured).toSorted((left, right) => rateOf(left) - rateOf(right))
    const middle = sorted[Math.floor(sorted.length / 2)]!
    const result = {
      bench: 'replay',
      work: `log, joiner, counter and trainer; CPU seconds of all threads, ${laps > 1 ? 'median of laps after the first' : 'one lap'}`,
      logs: logPaths().logs,
      records: ends[0],
      examplesPerSecond: rateOf(middle),
      slowest: rateOf(sorted[0]!),
      fastest: rateOf(sorted.at(-1)!),
      firstLap: rateOf(first!),
      ...middle,
      dumpSeconds,
      machine: { processor: cpus()[0]?.model, cores: cpus().length, node: process.version, pinned },
    }
    process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (process.argv.includes(pinnedFlag)) await run(true)
else if (!runPinned()) await run(false)
