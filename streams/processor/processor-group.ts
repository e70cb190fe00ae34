// A member of a consumer group that runs one processor per partition it owns: started when a partition comes, stopped
// behind a checkpoint before it goes to another member.
import type { Log, Offset, Partition, Reader, ReadPosition, TopicPartition } from '../log/log.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import { type PartitionRunner, partitionRunner, type RunnerProgress, type RunnerTuning } from './partition-runner.ts'
import type { Processor } from './processor.ts'

export interface ProcessorGroupOptions extends RunnerTuning {
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
  /** Consumer group; checkpoints lie under it too. */
  readonly group: string
  readonly topic: string
  /** A fresh processor for a partition now owned. */
  makeProcessor(partition: Partition): Processor
  readonly start?: 'earliest' | 'latest'
  readonly sharedOutputs?: readonly string[]
  /** Runs beside each owned partition until its signal aborts, e.g. its ticker. */
  beside?(partition: Partition, signal: AbortSignal): Promise<void>
}

export interface ProcessorGroup {
  /** Progress of each partition owned now, by partition. */
  progress(): readonly Readonly<RunnerProgress>[]
  /** Rejects with what stopped a partition; stays pending while all runs, resolves after `stop`. */
  readonly ended: Promise<void>
  /** Checkpoints every partition and leaves the group. */
  stop(): Promise<void>
}

interface Running {
  readonly runner: PartitionRunner
  readonly control: AbortController
  readonly done: Promise<void>
}

export async function processorGroup(options: ProcessorGroupOptions): Promise<ProcessorGroup> {
  const runningByPartition = new Map<Partition, Running>()
  const joined = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  // Whoever does not look at `ended` still sees the partition stand still in the lag.
  ended.promise.catch(() => {})

  async function start({ partition }: TopicPartition): Promise<void> {
    await joined.promise
    const control = new AbortController()
    const runner = partitionRunner({
      ...options,
      partition,
      processor: options.makeProcessor(partition),
      openReader: (position: ReadPosition): Promise<Reader> => member.openReader(position),
      commit: (next: Offset) => member.commit({ topic: options.topic, partition }, next),
    })
    const parts = [runner.run(control.signal), options.beside?.(partition, control.signal)]
    const done = Promise.all(parts).then(
      () => {},
      (error: unknown) => {
        control.abort()
        ended.reject(error)
      },
    )
    runningByPartition.set(partition, { runner, control, done })
  }

  async function end({ partition }: TopicPartition): Promise<void> {
    const running = runningByPartition.get(partition)
    if (!running) return
    running.control.abort()
    await running.done
    runningByPartition.delete(partition)
  }

  const member = await options.log.joinGroup({
    group: options.group,
    topics: [options.topic],
    onAssigned: async (partitions) => void (await Promise.all(partitions.map(start))),
    onRevoked: async (partitions) => void (await Promise.all(partitions.map(end))),
  })
  joined.resolve()

  return {
    progress: () =>
      [...runningByPartition.values()]
        .map(({ runner }) => runner.progress())
        .sort((left, right) => left.partition - right.partition),
    ended: ended.promise,
    async stop() {
      await member.leave()
      await Promise.all([...runningByPartition.keys()].map((partition) => end({ topic: options.topic, partition })))
      ended.resolve()
    },
  }
}
