// Runs one processor over one topic-partition: resumes at the newest checkpoint, folds records in order, makes their
// outputs durable, and checkpoints behind them. However often it is killed, after dropping repeats by source position the
// outputs are those of a run that never was.
import { decode } from '../../schemas/codec.ts'
import type { AnyRecord } from '../../schemas/generated.ts'
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
import { nextTurn } from '../runtime/next-turn.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import type { Checkpoint, CheckpointOwner, CheckpointSearch, StoredCheckpoint } from './checkpoint.ts'
import { Checkpointer, type CheckpointTuning } from './checkpointer.ts'
import { deadLetterOfRecord } from './dead-letter.ts'
import { loadNewest } from './load-newest.ts'
import { OutputWriter } from './output-writer.ts'
import type { Processor } from './processor.ts'
import { retrying } from './retry.ts'
import { noProgress, type RunnerProgress } from './runner-progress.ts'
import { isRepeat } from './source-position.ts'
import { OutputRouting, StepOutputs } from './step-outputs.ts'

export type { RunnerProgress } from './runner-progress.ts'

export interface RunnerTuning extends CheckpointTuning {
  readonly recordsPerFetchMax?: number
  /** Outputs not yet durable; more stops reading. */
  readonly outputsInFlightMax?: number
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
  /** True: several producers write to the input, so the processor itself tells what was repeated. */
  readonly sharedInput?: boolean
  /** The group member's reader and commit, where the partition is owned through a group. */
  readonly openReader?: (position: ReadPosition) => Promise<Reader>
  readonly commit?: (next: Offset) => Promise<void>
  /** Told of each checkpoint when it is durable and before older ones go; tried again while its error says so. False: others
   *  were not told of it, so what they were told of before stays. */
  readonly onCheckpoint?: (taken: StoredCheckpoint) => Promise<unknown>
}

export interface PartitionRunner {
  /** Resolves after a clean stop, with a final checkpoint; rejects with what made going on impossible. Once only. A step that
   *  rejects with `stopped` after the signal aborted ends it without one, as if its record had not come. */
  run(signal: AbortSignal): Promise<void>
  /** Before the signal is aborted: stop without a final checkpoint, because the state is not wanted any more. */
  abandon(): void
  /** Whether the processor holds the state of its partition: its checkpoint is loaded, and it has not been told to stop. */
  readonly isLoaded: boolean
  progress(): Readonly<RunnerProgress>
}

export function partitionRunner(options: PartitionRunnerOptions): PartitionRunner {
  return new Runner(options)
}

const waitMsMax = 1_000
/** Longest stretch of folding without a turn for others. */
const turnMsMax = 8
/** Between two readers of a log that is away. */
const reopenWaitMs = 100
/** What a clean stop may take for outputs that cannot be appended at the moment. */
const stopMsMax = 10_000

class Runner implements PartitionRunner {
  private readonly options: PartitionRunnerOptions
  private readonly owner: CheckpointOwner
  private readonly state: RunnerProgress
  private readonly routing: OutputRouting
  private inputSource: SourcePosition | null = null
  private started = false
  private loaded = false
  /** No final checkpoint: the state is unwanted, or a step did not come to its end. */
  private abandoned = false
  private turnStartedMs = 0

  constructor(options: PartitionRunnerOptions) {
    this.options = options
    const { group, topic, partition, processor } = options
    this.owner = { group, topic, partition, processor: processor.name }
    this.routing = new OutputRouting({ topic, partition, shared: options.sharedOutputs ?? [] })
    this.state = noProgress(this.owner)
  }

  progress(): Readonly<RunnerProgress> {
    return this.state
  }

  get isLoaded(): boolean {
    return this.loaded
  }

  abandon(): void {
    this.abandoned = true
  }

  async run(signal: AbortSignal): Promise<void> {
    assert(!this.started, 'a runner runs once')
    this.started = true
    const giveUp = new AbortController()
    const onAbort = () => {
      this.loaded = false
      this.options.processor.stop?.()
    }
    try {
      if (signal.aborted) return
      const { found, refused } = await this.retry(signal, () => this.resume())
      if (signal.aborted) return
      signal.addEventListener('abort', onAbort, { once: true })
      this.loaded = true
      const writer = this.writerFrom(found, giveUp.signal)
      const retry = <T>(operation: () => Promise<T>) => this.retry(giveUp.signal, operation)
      const { owner, state } = this
      const checkpointer = new Checkpointer({ ...this.options, owner, progress: state }, writer, retry, refused)
      await this.readAll(signal, writer, checkpointer)
      await this.stop(writer, checkpointer, giveUp)
    } catch (error) {
      if (!(signal.aborted && error === signal.reason)) throw error
    } finally {
      this.loaded = false
      signal.removeEventListener('abort', onAbort)
      giveUp.abort(new FreshetError('stopped', 'the processor has stopped: start it again'))
    }
  }

  private retry<T>(signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
    return retrying(this.options.runtime, signal, operation, () => {
      this.state.retries++
    })
  }

  private writerFrom(found: Checkpoint | null, signal: AbortSignal): OutputWriter {
    const { log, runtime, group, outputsInFlightMax = 10_000 } = this.options
    const onRetry = () => {
      this.state.retries++
    }
    const options = { log, runtime, group, signal, inFlightMax: outputsInFlightMax, onRetry }
    return new OutputWriter(options, found?.outputs ?? [])
  }

  /** Loads the newest checkpoint that fits and finds the place to read on. */
  private async resume(): Promise<CheckpointSearch> {
    const { log, topic, partition, start = 'earliest' } = this.options
    const specs = await log.topics()
    for (const spec of specs) this.routing.note(spec)
    const input = specs.find((spec) => spec.name === topic)
    if (!input) throw new FreshetError('topic-unknown', `no topic ${topic}: create it before its processors start`)
    const letters = deadLetterTopic(input)
    await log.ensureTopic(letters)
    this.routing.note(letters)
    const search = await loadNewest({ ...this.options, owner: this.owner })
    const { found, refused } = search
    this.state.checkpointsRefused = refused.length
    const bounds = await log.bounds({ topic, partition })
    const wanted = found?.next ?? bounds[start]
    this.state.next = offsetOf(Math.max(wanted, bounds.earliest))
    this.state.skipped += this.state.next - wanted
    this.state.checkpointed = found?.next ?? offsetOf(-1)
    this.inputSource = found?.inputSource ?? null
    return search
  }

  private async readAll(signal: AbortSignal, writer: OutputWriter, checkpointer: Checkpointer): Promise<void> {
    while (!signal.aborted && !this.abandoned) {
      const reader = await this.retry(signal, () => this.openReader())
      const stop = () => {
        writer.wake()
        reader.close().catch(() => {})
      }
      signal.addEventListener('abort', stop, { once: true })
      try {
        while (!signal.aborted && !this.abandoned) {
          await writer.room(signal)
          if (signal.aborted) break
          const records = await this.read(reader)
          if (records === null) {
            await this.options.runtime.timers.sleep(reopenWaitMs, signal)
            break
          }
          await this.foldAll(records, signal, writer, checkpointer)
          // A step that gave up may have left half of its work in the state.
          if (this.abandoned) break
          this.state.suppressed = writer.suppressed
          const taking = checkpointer.settle(this.inputSource)
          if (taking) await taking
        }
      } finally {
        signal.removeEventListener('abort', stop)
        await reader.close()
      }
    }
  }

  /** null: the log is away, and the reader with it. */
  private async read(reader: Reader): Promise<readonly LogRecord[] | null> {
    try {
      return await reader.next({ recordsMax: this.options.recordsPerFetchMax ?? 1_000, waitMsMax })
    } catch (error) {
      if (!(error instanceof FreshetError && error.code === 'log-unavailable')) throw error
      this.state.retries++
      return null
    }
  }

  private openReader(): Promise<Reader> {
    const { log, topic, partition, openReader = (position: ReadPosition) => log.openReader(position) } = this.options
    return openReader({ topic, partition, from: this.state.next })
  }

  /** Folds records in order. Whoever else lives on this thread gets a turn every few milliseconds: pulls and requests are
   *  answered while a backlog is folded. */
  private async foldAll(
    records: readonly LogRecord[],
    signal: AbortSignal,
    writer: OutputWriter,
    checkpointer: Checkpointer,
  ): Promise<void> {
    const { clock } = this.options.runtime
    for (const record of records) {
      const stepping = this.fold(record, writer)
      if (stepping) {
        if (!(await endsWhole(stepping, signal))) {
          this.abandoned = true
          return
        }
        this.passed(record)
      }
      if (checkpointer.folded()) {
        const taking = checkpointer.settle(this.inputSource)
        if (taking) await taking
      }
      if (clock.monotonicMs() - this.turnStartedMs >= turnMsMax) {
        await nextTurn()
        this.turnStartedMs = clock.monotonicMs()
      }
      if (stepping && signal.aborted) return
    }
  }

  /** Folds one record. A promise: its step is not over, and the record does not count as folded before. */
  private fold(input: LogRecord, writer: OutputWriter): Promise<void> | undefined {
    assert(input.offset >= this.state.next, 'offsets only grow')
    const isFolded = this.isOrdered(input.source) && isRepeat(input.source, this.inputSource)
    // A deletion in a compacted topic carries nothing to fold.
    if (!isFolded && input.value !== null) {
      const record = decode(input.value)
      if (record.type === 'undecodable') this.reject(input, record.reason, writer)
      else {
        const stepping = this.step(input, record, writer)
        if (stepping) return stepping
      }
    }
    this.passed(input)
    return undefined
  }

  /** Whether positions of this source only grow: those of one producer do. */
  private isOrdered(source: SourcePosition | undefined): source is SourcePosition {
    return source !== undefined && this.options.sharedInput !== true
  }

  private passed({ offset, source, value, timestampMs }: LogRecord): void {
    const { state } = this
    state.next = offsetOf(offset + 1)
    if (this.isOrdered(source)) {
      if (isRepeat(source, this.inputSource)) {
        state.repeats++
        return
      }
      this.inputSource = source
    }
    if (value === null) return
    state.records++
    state.newestTimestampMs = Math.max(state.newestTimestampMs, timestampMs)
  }

  private step(input: LogRecord, record: AnyRecord, writer: OutputWriter): Promise<void> | undefined {
    const { topic, partition, offset, key, timestampMs } = input
    const output = new StepOutputs(this.routing, input)
    const stepping = this.options.processor.step({ topic, partition, offset, key, timestampMs, record }, output)
    if (typeof stepping?.then === 'function') return stepping.then(() => this.end(input, output, writer))
    this.end(input, output, writer)
    return undefined
  }

  private end(input: LogRecord, output: StepOutputs, writer: OutputWriter): void {
    const outputs = output.end()
    this.state.outputs += outputs.length
    for (let index = 0; index < outputs.length; index++) writer.push(outputs[index]!)
    if (output.rejection !== null) this.reject(input, output.rejection, writer)
  }

  private reject(input: LogRecord, reason: string, writer: OutputWriter): void {
    this.state.deadLetters++
    const record = deadLetterOfRecord(this.options.group, input, reason)
    const source = { offset: input.offset, ordinal: 0 }
    const topic = deadLetterOf(input.topic)
    writer.push({ topic, owned: input.partition, isDeadLetter: true, record: { ...record, source } })
  }

  private async stop(writer: OutputWriter, checkpointer: Checkpointer, giveUp: AbortController): Promise<void> {
    const cancel = this.options.runtime.timers.after(stopMsMax, () =>
      giveUp.abort(new FreshetError('overloaded', 'outputs could not be appended while stopping: start again')),
    )
    try {
      await checkpointer.idle()
      // Nothing of this life may come after the next one has looked at what is there.
      if (this.abandoned) await writer.durable()
      else await checkpointer.finish(this.inputSource)
      this.state.suppressed = writer.suppressed
    } finally {
      cancel()
    }
  }
}

/** False where the step gave up because the runner stops. */
async function endsWhole(stepping: Promise<void>, signal: AbortSignal): Promise<boolean> {
  try {
    await stepping
    return true
  } catch (error) {
    if (signal.aborted && error instanceof FreshetError && error.code === 'stopped') return false
    throw error
  }
}
