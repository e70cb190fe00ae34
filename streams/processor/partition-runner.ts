// Runs one processor over one topic-partition: resumes at the newest checkpoint, folds records in order, makes their
// outputs durable, and checkpoints behind them. However often it is killed, after dropping repeats by source position the
// outputs are those of a run that never was.
import { decode, encode } from '../../schemas/codec.ts'
import type { AnyRecord } from '../../schemas/generated.ts'
import { uniformOf } from '../../schemas/ids.ts'
import { deadLetterOf, deadLetterTopic } from '../../schemas/topics.ts'
import {
  type Log,
  type LogRecord,
  type Offset,
  offsetOf,
  type Partition,
  type Reader,
  type ReadPosition,
  type SourcePosition,
} from '../log/log.ts'
import { assert, FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import { type CheckpointOwner, newestCheckpoint, type OutputPosition, putCheckpoint } from './checkpoint.ts'
import { deadLetterOfRecord } from './dead-letter.ts'
import { OutputWriter } from './output-writer.ts'
import type { Processor, StepOutput } from './processor.ts'
import { retrying } from './retry.ts'
import { isRepeat } from './source-position.ts'

export interface RunnerTuning {
  readonly checkpointEveryMs?: number
  readonly checkpointEveryRecords?: number
  readonly recordsPerFetchMax?: number
  /** Outputs not yet durable; more stops reading. */
  readonly outputsInFlightMax?: number
  readonly commitEveryMs?: number
}

export interface PartitionRunnerOptions extends RunnerTuning {
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
  readonly group: string
  readonly topic: string
  readonly partition: Partition
  /** Fresh: a checkpoint, where there is one, is loaded into it. */
  readonly processor: Processor
  /** Where to begin without a checkpoint; default earliest. */
  readonly start?: 'earliest' | 'latest'
  /** Output topics that other processors write to as well, to which repeats may therefore go. */
  readonly sharedOutputs?: readonly string[]
  /** The group member's reader and commit, where the partition is owned through a group. */
  readonly openReader?: (position: ReadPosition) => Promise<Reader>
  readonly commit?: (next: Offset) => Promise<void>
}

/** What a runner did in this life, and where it stands. */
export interface RunnerProgress {
  readonly processor: string
  readonly group: string
  readonly topic: string
  readonly partition: Partition
  /** Next input offset to fold. */
  next: Offset
  /** Next input offset of the newest checkpoint; -1 before the first. */
  checkpointed: Offset
  /** Log time of the newest record folded; 0 before the first. */
  newestTimestampMs: number
  records: number
  outputs: number
  /** Outputs that the log held already. */
  suppressed: number
  /** Records dropped because a restarted producer had repeated them. */
  repeats: number
  deadLetters: number
  checkpoints: number
  retries: number
  /** Records that retention removed before they were read. */
  skipped: number
}

export interface PartitionRunner {
  /** Resolves after a clean stop, with a final checkpoint; rejects with what made going on impossible. Once only. */
  run(signal: AbortSignal): Promise<void>
  progress(): Readonly<RunnerProgress>
}

export function partitionRunner(options: PartitionRunnerOptions): PartitionRunner {
  return new Runner(options)
}

const waitMsMax = 1_000
const checkpointEveryMsDefault = 5_000
/** Between two readers of a log that is away. */
const reopenWaitMs = 100
/** What a clean stop may take for outputs that cannot be appended at the moment. */
const stopMsMax = 10_000

class Runner implements PartitionRunner {
  private readonly options: PartitionRunnerOptions
  private readonly owner: CheckpointOwner
  private readonly state: RunnerProgress
  private readonly sharedOutputs: ReadonlySet<string>
  private partitionsByTopic = new Map<string, number>()
  private inputSource: SourcePosition | null = null
  private checkpointing: Promise<void> | null = null
  private failure: { readonly error: unknown } | null = null
  private lastCheckpointMs = 0
  private lastCommitMs = 0
  private recordsSinceCheckpoint = 0
  private started = false

  constructor(options: PartitionRunnerOptions) {
    this.options = options
    const { group, topic, partition, processor } = options
    this.owner = { group, topic, partition, processor: processor.name }
    this.sharedOutputs = new Set(options.sharedOutputs)
    this.state = {
      ...this.owner,
      next: offsetOf(0),
      checkpointed: offsetOf(-1),
      newestTimestampMs: 0,
      records: 0,
      outputs: 0,
      suppressed: 0,
      repeats: 0,
      deadLetters: 0,
      checkpoints: 0,
      retries: 0,
      skipped: 0,
    }
  }

  progress(): Readonly<RunnerProgress> {
    return this.state
  }

  async run(signal: AbortSignal): Promise<void> {
    assert(!this.started, 'a runner runs once')
    this.started = true
    const giveUp = new AbortController()
    try {
      if (signal.aborted) return
      const outputs = await this.retry(signal, () => this.resume())
      const writer = this.writerFrom(outputs, giveUp.signal)
      await this.readAll(signal, writer)
      await this.stop(writer, giveUp)
    } catch (error) {
      if (!(signal.aborted && error === signal.reason)) throw error
    } finally {
      giveUp.abort(new FreshetError('stopped', 'the processor has stopped: start it again'))
    }
  }

  private retry<T>(signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
    return retrying(this.options.runtime, signal, operation, () => {
      this.state.retries++
    })
  }

  private writerFrom(outputs: readonly OutputPosition[], signal: AbortSignal): OutputWriter {
    const { log, runtime, group, outputsInFlightMax = 10_000 } = this.options
    const onRetry = () => {
      this.state.retries++
    }
    return new OutputWriter({ log, runtime, group, signal, inFlightMax: outputsInFlightMax, onRetry }, outputs)
  }

  /** Loads the newest checkpoint and finds the place to read on; gives how far the outputs were by then. */
  private async resume(): Promise<readonly OutputPosition[]> {
    const { log, blobs, topic, partition, processor, start = 'earliest' } = this.options
    const specs = await log.topics()
    for (const spec of specs) this.partitionsByTopic.set(spec.name, spec.partitions)
    const input = specs.find((spec) => spec.name === topic)
    if (!input) throw new FreshetError('topic-unknown', `no topic ${topic}: create it before its processors start`)
    const letters = deadLetterTopic(input)
    await log.ensureTopic(letters)
    this.partitionsByTopic.set(letters.name, letters.partitions)
    const checkpoint = await newestCheckpoint(blobs, this.owner, (state) => processor.load(state))
    const bounds = await log.bounds({ topic, partition })
    const wanted = checkpoint?.next ?? bounds[start]
    this.state.next = offsetOf(Math.max(wanted, bounds.earliest))
    this.state.skipped += this.state.next - wanted
    if (checkpoint) this.state.checkpointed = checkpoint.next
    this.inputSource = checkpoint?.inputSource ?? null
    // Runners of one thread start together: at a phase of their own they do not stall it together.
    const { group, runtime, checkpointEveryMs = checkpointEveryMsDefault } = this.options
    const phase = uniformOf(`${group}/${topic}/${partition}`, 'checkpoint-phase')
    this.lastCheckpointMs = runtime.clock.monotonicMs() - phase * checkpointEveryMs
    return checkpoint?.outputs ?? []
  }

  private async readAll(signal: AbortSignal, writer: OutputWriter): Promise<void> {
    const { recordsPerFetchMax = 1_000 } = this.options
    while (!signal.aborted) {
      const reader = await this.retry(signal, () => this.openReader())
      const stop = () => {
        writer.wake()
        reader.close().catch(() => {})
      }
      signal.addEventListener('abort', stop, { once: true })
      try {
        while (!signal.aborted) {
          await writer.room(signal)
          if (signal.aborted) break
          const records = await reader.next({ recordsMax: recordsPerFetchMax, waitMsMax })
          for (const record of records) this.fold(record, writer)
          if (this.failure) throw this.failure.error
          this.settleProgress(writer)
        }
      } catch (error) {
        if (!(error instanceof FreshetError && error.code === 'log-unavailable')) throw error
        this.state.retries++
        await this.options.runtime.timers.sleep(reopenWaitMs, signal)
      } finally {
        signal.removeEventListener('abort', stop)
        await reader.close()
      }
    }
  }

  private openReader(): Promise<Reader> {
    const { log, topic, partition, openReader = (position: ReadPosition) => log.openReader(position) } = this.options
    return openReader({ topic, partition, from: this.state.next })
  }

  private fold(input: LogRecord, writer: OutputWriter): void {
    assert(input.offset >= this.state.next, 'offsets only grow')
    this.state.next = offsetOf(input.offset + 1)
    this.recordsSinceCheckpoint++
    if (input.source) {
      if (isRepeat(input.source, this.inputSource)) {
        this.state.repeats++
        return
      }
      this.inputSource = input.source
    }
    // A deletion in a compacted topic carries nothing to fold.
    if (input.value === null) return
    this.state.records++
    this.state.newestTimestampMs = Math.max(this.state.newestTimestampMs, input.timestampMs)
    const record = decode(input.value)
    if (record.type === 'undecodable') this.reject(input, record.reason, writer)
    else this.step(input, record, writer)
  }

  private step(input: LogRecord, record: AnyRecord, writer: OutputWriter): void {
    const { topic, partition, offset, key, timestampMs } = input
    let ordinal = 0
    let rejection: string | null = null
    const output: StepOutput = {
      emit: (toTopic, toKey, toRecord, toPartition) => {
        const owned = this.ownedPartition(toTopic, toPartition)
        const chosen = toPartition ?? owned
        this.state.outputs++
        writer.push({
          topic: toTopic,
          owned: this.sharedOutputs.has(toTopic) ? null : owned,
          isDeadLetter: false,
          record: {
            key: toKey,
            value: toRecord === null ? null : encode(toRecord),
            timestampMs,
            source: { offset, ordinal: ordinal++ },
            ...(chosen === null ? {} : { partition: chosen }),
          },
        })
      },
      reject: (reason) => {
        rejection ??= reason
      },
    }
    this.options.processor.step({ topic, partition, offset, key, timestampMs, record }, output)
    if (rejection !== null) this.reject(input, rejection, writer)
  }

  /** The input's own partition number, where the output goes there; null where others write to where it goes. */
  private ownedPartition(topic: string, wanted: Partition | undefined): Partition | null {
    const own = this.options.partition
    const count = this.partitionsByTopic.get(topic)
    if (count === undefined) {
      throw new FreshetError(
        'topic-unknown',
        `no topic ${topic}: create it before the processors that write to it start`,
      )
    }
    const sameCount = count === this.partitionsByTopic.get(this.options.topic)
    return sameCount && (wanted === undefined || wanted === own) ? own : null
  }

  private reject(input: LogRecord, reason: string, writer: OutputWriter): void {
    this.state.deadLetters++
    const record = deadLetterOfRecord(this.options.group, input, reason)
    const source = { offset: input.offset, ordinal: 0 }
    const topic = deadLetterOf(input.topic)
    writer.push({ topic, owned: input.partition, isDeadLetter: true, record: { ...record, source } })
  }

  /** Starts a checkpoint or a commit where one is due; neither holds up the fold. */
  private settleProgress(writer: OutputWriter): void {
    const {
      runtime,
      checkpointEveryMs = checkpointEveryMsDefault,
      checkpointEveryRecords = 50_000,
      commitEveryMs = 1_000,
    } = this.options
    this.state.suppressed = writer.suppressed
    const nowMs = runtime.clock.monotonicMs()
    if (this.checkpointing || this.state.next === this.state.checkpointed) return
    const isDue =
      nowMs - this.lastCheckpointMs >= checkpointEveryMs || this.recordsSinceCheckpoint >= checkpointEveryRecords
    const isCommitDue = this.options.commit !== undefined && nowMs - this.lastCommitMs >= commitEveryMs
    if (!isDue && !isCommitDue) return
    this.checkpointing = (isDue ? this.checkpoint(writer) : this.commitDurable(writer))
      .catch((error: unknown) => {
        this.failure ??= { error }
      })
      .finally(() => {
        this.checkpointing = null
      })
  }

  /** The state is taken now, at a record boundary; it is stored once the outputs before it are durable. */
  private async checkpoint(writer: OutputWriter): Promise<void> {
    const { blobs, processor, runtime } = this.options
    const { next } = this.state
    const { inputSource } = this
    const state = processor.dump()
    this.lastCheckpointMs = runtime.clock.monotonicMs()
    this.recordsSinceCheckpoint = 0
    const outputs = await writer.durable()
    await putCheckpoint(blobs, this.owner, { next, inputSource, outputs, state })
    this.state.checkpoints++
    this.state.checkpointed = next
    await this.commit(next)
  }

  private async commitDurable(writer: OutputWriter): Promise<void> {
    const { next } = this.state
    await writer.durable()
    await this.commit(next)
  }

  private async commit(next: Offset): Promise<void> {
    this.lastCommitMs = this.options.runtime.clock.monotonicMs()
    // A commit only feeds the lag metric: the next one makes up for one that fails.
    await this.options.commit?.(next).catch(() => {})
  }

  private async stop(writer: OutputWriter, giveUp: AbortController): Promise<void> {
    const deadline = new AbortController()
    const { runtime } = this.options
    runtime.timers.sleep(stopMsMax, deadline.signal).then(
      () => giveUp.abort(new FreshetError('overloaded', 'outputs could not be appended while stopping: start again')),
      () => {},
    )
    try {
      await this.checkpointing
      if (this.failure) throw this.failure.error
      if (this.state.next !== this.state.checkpointed) await this.checkpoint(writer)
      this.state.suppressed = writer.suppressed
    } finally {
      deadline.abort()
    }
  }
}
