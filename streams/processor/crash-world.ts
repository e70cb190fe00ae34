// A machine for crash tests: a log and a blob folder over one simulated disk that stops at a chosen operation, and lives
// that come after it. Nothing of an earlier life can touch the disk once that life is over.
import { examples, interactions, type TopicSpec, userTopics } from '../../schemas/topics.ts'
import { type EmbeddedLog, embeddedLog } from '../log/embedded-log.ts'
import { type Log, type LogRecord, offsetOf, partitionOf } from '../log/log.ts'
import type { Disk, DiskFile } from '../runtime/disk.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import { type SimulatedDisk, simulatedDisk } from '../runtime/simulated-disk.ts'
import { type SimulatedRuntime, simulatedRuntime } from '../runtime/simulated-runtime.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import { folderBlobStore } from '../stores/folder-blob-store.ts'
import { partitionRunner, type RunnerProgress } from './partition-runner.ts'
import type { Processor } from './processor.ts'

export interface CrashWorld {
  readonly disk: SimulatedDisk
  readonly topics: readonly TopicSpec[]
}

export interface Life {
  readonly log: EmbeddedLog
  readonly blobs: BlobStore
  readonly runtime: SimulatedRuntime
  /** Operations the disk has carried out in this life. */
  operations(): number
  crashed(): boolean
}

export function crashWorld(partitions = 1): CrashWorld {
  const topics = userTopics(partitions).filter((spec) => spec.name === interactions || spec.name === examples)
  return { disk: simulatedDisk(), topics }
}

/** Begins a life; the disk stops when it is asked for the operation after `operationsMax`. Rejects if that is at once. */
export async function beginLife(world: CrashWorld, operationsMax = Number.POSITIVE_INFINITY): Promise<Life> {
  let operations = 0
  let dead = false
  const gate = async <T>(operation: () => Promise<T>): Promise<T> => {
    if (!dead && operations >= operationsMax) {
      dead = true
      world.disk.crash()
    }
    if (dead) throw Object.assign(new Error('this life is over'), { code: 'EIO' })
    operations++
    return operation()
  }
  const disk = gatedDisk(world.disk, gate)
  const runtime = simulatedRuntime(1)
  const limits = { checkpointEveryMs: 1_000_000_000, maintainEveryMs: 0 }
  const log = await embeddedLog({ disk, directory: 'log', runtime, ...limits })
  for (const topic of world.topics) await log.ensureTopic(topic)
  return {
    log,
    blobs: folderBlobStore(disk, 'blobs'),
    runtime,
    operations: () => operations,
    crashed: () => dead,
  }
}

function gatedDisk(disk: Disk, gate: <T>(operation: () => Promise<T>) => Promise<T>): Disk {
  const gatedFile = (file: DiskFile): DiskFile => ({
    get sizeBytes() {
      return file.sizeBytes
    },
    append: (chunks) => gate(() => file.append(chunks)),
    read: (positionBytes, lengthBytes) => gate(() => file.read(positionBytes, lengthBytes)),
    sync: () => gate(() => file.sync()),
    truncate: (sizeBytes) => gate(() => file.truncate(sizeBytes)),
    close: () => file.close(),
  })
  return {
    open: (path, mode) => gate(async () => gatedFile(await disk.open(path, mode))),
    list: (directory) => gate(() => disk.list(directory)),
    makeDirectory: (directory) => gate(() => disk.makeDirectory(directory)),
    rename: (from, to) => gate(() => disk.rename(from, to)),
    remove: (path) => gate(() => disk.remove(path)),
    syncDirectory: (directory) => gate(() => disk.syncDirectory(directory)),
    lock: (directory) => gate(() => disk.lock(directory)),
  }
}

export interface LifeOutcome {
  readonly finished: boolean
  readonly operations: number
  readonly progress: RunnerProgress | null
  /** What ended a life that did not finish. */
  readonly error: unknown
}

/** What happens to a processor while it lives. */
export interface LifeTrouble {
  /** It is told to stop after so many turns of the event loop. */
  readonly turnsMax?: number
  /** The disk stops at the operation after so many. */
  readonly operationsMax?: number
  /** Writes that find no space, from the time the processor starts. */
  readonly refused?: { readonly passed: number; readonly count: number }
}

/** Runs a fresh processor until it has folded the whole input and stopped cleanly, or the life has ended. */
export async function liveOnce(
  world: CrashWorld,
  makeProcessor: () => Processor,
  { operationsMax = Number.POSITIVE_INFINITY, turnsMax = Number.POSITIVE_INFINITY, refused }: LifeTrouble = {},
): Promise<LifeOutcome> {
  let life: Life | null = null
  try {
    life = await beginLife(world, operationsMax)
  } catch (error) {
    return { finished: false, operations: operationsMax, progress: null, error }
  }
  const { log, blobs, runtime } = life
  if (refused) world.disk.refuseWrites(refused.passed, refused.count)
  const runner = partitionRunner({
    ...{ log, blobs, runtime, group: 'g', topic: interactions, partition: partitionOf(0) },
    processor: makeProcessor(),
    ...{ recordsPerFetchMax: 4, checkpointEveryRecords: 9, outputsInFlightMax: 3 },
  })
  const control = new AbortController()
  let outcome: 'finished' | 'failed' | null = null
  let error: unknown = null
  runner.run(control.signal).then(
    () => {
      outcome = 'finished'
    },
    (cause: unknown) => {
      outcome = 'failed'
      error = cause
    },
  )
  for (let turn = 0; outcome === null && !life.crashed(); turn++) {
    const { latest } = await log.bounds({ topic: interactions, partition: partitionOf(0) })
    if (runner.progress().next >= latest || turn >= turnsMax) control.abort()
    // What finds no space is tried again later.
    if (refused) await runtime.advance(20)
    else await nextTurn()
  }
  if (outcome === 'finished' && !life.crashed()) await log.close().catch(() => {})
  const finished = outcome === 'finished' && !life.crashed()
  return { finished, operations: life.operations(), progress: runner.progress(), error }
}

/** Every record of a topic's first partition. */
export async function allRecords(log: Log, topic: string): Promise<LogRecord[]> {
  const position = { topic, partition: partitionOf(0) }
  const { latest } = await log.bounds(position)
  const reader = await log.openReader({ ...position, from: offsetOf(0) })
  const records: LogRecord[] = []
  while (reader.position < latest) records.push(...(await reader.next({ recordsMax: 1_000, waitMsMax: 0 })))
  await reader.close()
  return records
}
