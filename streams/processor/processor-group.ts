// A member of a consumer group that runs one processor per partition it owns: started when a partition comes, stopped
// behind a checkpoint before it goes to another member. A partition has one processor at a time.
import type { Log, Offset, Partition, Reader, ReadPosition, TopicPartition } from '../log/log.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import type { StoredCheckpoint } from './checkpoint.ts'
import { type PartitionRunner, partitionRunner, type RunnerProgress, type RunnerTuning } from './partition-runner.ts'
import type { Processor } from './processor.ts'

export interface ProcessorGroupOptions extends RunnerTuning {
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
  /** Consumer group; checkpoints lie under it too. */
  readonly group: string
  readonly topic: string
  /** A fresh processor for a partition now owned. The signal aborts when the partition goes, or is started anew. */
  makeProcessor(partition: Partition, signal: AbortSignal): Processor | Promise<Processor>
  readonly start?: 'earliest' | 'latest'
  readonly sharedOutputs?: readonly string[]
  /** True: several producers write to the topic, so the processors themselves tell what was repeated. */
  readonly sharedInput?: boolean
  /** Runs beside each owned partition until its signal aborts, e.g. its ticker; anew where the partition is started anew. */
  beside?(partition: Partition, signal: AbortSignal): Promise<void>
  /** Told of each checkpoint when it is durable and before older ones go; tried again while its error says so. False: others
   *  were not told of it, so what they were told of before stays. */
  onCheckpoint?(partition: Partition, taken: StoredCheckpoint): Promise<unknown>
}

export interface ProcessorGroup {
  /** Progress of each partition owned now, by partition. */
  progress(): readonly Readonly<RunnerProgress>[]
  /** The processor of an owned partition once its checkpoint is loaded; null otherwise, and as soon as it is to stop. */
  processorOf(partition: Partition): Processor | null
  /** Stops every owned partition without a checkpoint of what it holds, and starts it with a fresh processor. Resolves when
   *  all those run. */
  restart(): Promise<void>
  /** Rejects with what stopped a partition; stays pending while all runs, resolves after `stop`. */
  readonly ended: Promise<void>
  /** Checkpoints every partition and leaves the group. */
  stop(): Promise<void>
}

/** One life of an owned partition. */
interface Running {
  readonly control: AbortController
  /** Null until the processor is made. */
  made: { readonly runner: PartitionRunner; readonly processor: Processor } | null
  readonly isMade: Promise<void>
  readonly done: Promise<void>
}

export async function processorGroup(options: ProcessorGroupOptions): Promise<ProcessorGroup> {
  const runningByPartition = new Map<Partition, Running>()
  const joined = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  // Whoever does not look at `ended` still sees the partition stand still in the lag.
  ended.promise.catch(() => {})

  function begin(partition: Partition): void {
    const before = runningByPartition.get(partition)
    const control = new AbortController()
    const isMade = Promise.withResolvers<void>()
    const work = async (): Promise<void> => {
      await Promise.all([joined.promise, before?.done])
      if (control.signal.aborted) return
      const processor = await options.makeProcessor(partition, control.signal)
      if (control.signal.aborted) return
      const runner = runnerOf(partition, processor)
      running.made = { runner, processor }
      isMade.resolve()
      await allTogether(control, [
        () => runner.run(control.signal),
        async () => options.beside?.(partition, control.signal),
      ])
    }
    const fail = (error: unknown): void => {
      const isStopping = control.signal.aborted && running.made === null
      control.abort()
      if (!isStopping) ended.reject(error)
    }
    const running: Running = {
      control,
      made: null,
      isMade: isMade.promise,
      done: Promise.resolve().then(work).catch(fail).finally(isMade.resolve),
    }
    runningByPartition.set(partition, running)
  }

  function runnerOf(partition: Partition, processor: Processor): PartitionRunner {
    const { onCheckpoint, ...shared } = options
    return partitionRunner({
      ...shared,
      partition,
      processor,
      openReader: (position: ReadPosition): Promise<Reader> => member.openReader(position),
      commit: (next: Offset) => member.commit({ topic: options.topic, partition }, next),
      ...(onCheckpoint && { onCheckpoint: (taken: StoredCheckpoint) => onCheckpoint(partition, taken) }),
    })
  }

  async function end({ partition }: TopicPartition): Promise<void> {
    const running = runningByPartition.get(partition)
    if (!running) return
    runningByPartition.delete(partition)
    running.control.abort()
    await running.done
  }

  async function restartOne(partition: Partition, running: Running): Promise<void> {
    running.made?.runner.abandon()
    running.control.abort()
    await running.done
    // It may have gone meanwhile, or been started anew by another call.
    if (runningByPartition.get(partition) === running) begin(partition)
    await runningByPartition.get(partition)?.isMade
  }

  const member = await options.log.joinGroup({
    group: options.group,
    topics: [options.topic],
    onAssigned: async (partitions) => {
      for (const { partition } of partitions) begin(partition)
    },
    onRevoked: async (partitions) => void (await Promise.all(partitions.map(end))),
  })
  joined.resolve()

  return {
    progress: () =>
      [...runningByPartition.values()]
        .flatMap(({ made }) => made?.runner.progress() ?? [])
        .sort((left, right) => left.partition - right.partition),
    processorOf(partition) {
      const running = runningByPartition.get(partition)
      return running?.made?.runner.isLoaded && !running.control.signal.aborted ? running.made.processor : null
    },
    async restart() {
      await Promise.all([...runningByPartition].map(([partition, running]) => restartOne(partition, running)))
    },
    ended: ended.promise,
    async stop() {
      await member.leave()
      await Promise.all([...runningByPartition.keys()].map((partition) => end({ topic: options.topic, partition })))
      ended.resolve()
    },
  }
}

/** Resolves when all have ended; what ends one with an error ends the others first. */
async function allTogether(control: AbortController, parts: readonly (() => Promise<void>)[]): Promise<void> {
  const running = parts.map((part) => part())
  try {
    await Promise.all(running)
  } catch (error) {
    control.abort()
    await Promise.allSettled(running)
    throw error
  }
}
