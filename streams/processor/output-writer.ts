// Appends a processor's outputs in order, each under its source position, a bounded number in flight; what an output
// partition already holds from an earlier life of the producer is not written again.
import type { Log, NewRecord, Partition, SourcePosition } from '../log/log.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { OutputPosition } from './checkpoint.ts'
import { readDeadLetter } from './dead-letter.ts'
import { retrying } from './retry.ts'
import { compareSources, isRepeat, newestSource } from './source-position.ts'

export interface OutputWriterOptions {
  readonly log: Log
  readonly runtime: Runtime
  /** Outputs not yet durable, over all topics; more makes `room` wait. */
  readonly inFlightMax: number
  /** Dead letters of this group are its own; other groups may write into the same topic. */
  readonly group: string
  /** Ends retries. */
  readonly signal: AbortSignal
  onRetry(error: unknown): void
}

/** One output on its way. */
export interface Output {
  readonly topic: string
  /** The partition that only this producer writes to; null: the log chooses by key, or others write there too. */
  readonly owned: Partition | null
  readonly record: NewRecord & { readonly source: SourcePosition }
  readonly isDeadLetter: boolean
}

interface Queued {
  readonly output: Output
  /** Number of the output in this life. */
  readonly sequence: number
}

interface Lane {
  queue: Queued[]
  sending: boolean
  /** Newest source position handed in, in each owned partition. */
  readonly handedIn: Map<Partition, SourcePosition>
  /** Newest source position in each owned partition, as read from the log or durably appended since. */
  readonly newestByPartition: Map<Partition, SourcePosition | null>
}

const recordsPerAppendMax = 1_000
const bytesPerAppendMax = 1 << 20

export class OutputWriter {
  /** Outputs found in the log already. */
  suppressed = 0
  private readonly options: OutputWriterOptions
  private readonly lanes = new Map<string, Lane>()
  private pending = 0
  private sequence = 0
  private failure: { readonly error: unknown } | null = null
  private waiters: {
    readonly ready: () => boolean
    readonly resolve: () => void
    readonly reject: (e: unknown) => void
  }[] = []

  /** `positions`: what a checkpoint says the owned partitions hold. */
  constructor(options: OutputWriterOptions, positions: readonly OutputPosition[]) {
    this.options = options
    for (const { topic, partition, source } of positions) this.laneOf(topic).handedIn.set(partition, source)
  }

  get inFlight(): number {
    return this.pending
  }

  push(output: Output): void {
    if (this.failure) return
    const lane = this.laneOf(output.topic)
    lane.queue.push({ output, sequence: this.sequence++ })
    this.pending++
    if (output.owned !== null) lane.handedIn.set(output.owned, output.record.source)
    if (!lane.sending) this.send(output.topic, lane)
  }

  /** Resolves when another output may be pushed, or the signal is aborted. Rejects with what ended the writer. */
  room(signal: AbortSignal): Promise<void> {
    return this.until(() => signal.aborted || this.pending < this.options.inFlightMax)
  }

  /** Resolves when all that was pushed so far is durable; gives the source positions reached then. */
  async durable(): Promise<readonly OutputPosition[]> {
    const positions = [...this.lanes]
      .flatMap(([topic, { handedIn }]) => Array.from(handedIn, ([partition, source]) => ({ topic, partition, source })))
      .sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1))
    const before = this.sequence
    await this.until(() => this.oldestPending() >= before)
    return positions
  }

  private oldestPending(): number {
    let oldest = this.sequence
    for (const lane of this.lanes.values()) oldest = Math.min(oldest, lane.queue[0]?.sequence ?? oldest)
    return oldest
  }

  private until(ready: () => boolean): Promise<void> {
    if (this.failure) return Promise.reject(this.failure.error)
    if (ready()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.waiters.push({ ready, resolve, reject })
    })
  }

  /** Looks again at what is waited for. */
  wake(): void {
    const { failure } = this
    const waiting = this.waiters
    this.waiters = []
    for (const waiter of waiting) {
      if (failure) waiter.reject(failure.error)
      else if (waiter.ready()) waiter.resolve()
      else this.waiters.push(waiter)
    }
  }

  private laneOf(topic: string): Lane {
    let lane = this.lanes.get(topic)
    if (!lane) {
      lane = { queue: [], sending: false, handedIn: new Map(), newestByPartition: new Map() }
      this.lanes.set(topic, lane)
    }
    return lane
  }

  /** Sends what the lane holds, one append at a time; what comes meanwhile goes with the next. */
  private async send(topic: string, lane: Lane): Promise<void> {
    lane.sending = true
    try {
      while (lane.queue.length > 0) {
        const batch = nextBatch(lane.queue)
        const { runtime, signal, onRetry } = this.options
        await retrying(
          runtime,
          signal,
          () => this.append(topic, lane, batch),
          (error) => {
            // Part of the batch may be there: look again before appending the rest.
            lane.newestByPartition.clear()
            onRetry(error)
          },
        )
        lane.queue = lane.queue.slice(batch.length)
        this.pending -= batch.length
        this.wake()
      }
    } catch (error) {
      this.failure ??= { error }
      this.wake()
    } finally {
      lane.sending = false
    }
  }

  private async append(topic: string, lane: Lane, batch: readonly Queued[]): Promise<void> {
    const fresh: Output[] = []
    for (const { output } of batch) {
      const known = output.owned === null ? null : lane.newestByPartition.get(output.owned)
      const newest = known === undefined ? await this.foundNewest(topic, lane, output) : known
      if (!isRepeat(output.record.source, newest)) fresh.push(output)
    }
    if (fresh.length > 0) {
      await this.options.log.append(
        topic,
        fresh.map((output) => output.record),
      )
    }
    this.suppressed += batch.length - fresh.length
    for (const { owned, record } of fresh) {
      if (owned === null) continue
      const newest = lane.newestByPartition.get(owned) ?? null
      if (newest === null || compareSources(record.source, newest) > 0) lane.newestByPartition.set(owned, record.source)
    }
  }

  /** Looked up in the log, where it is not known yet. */
  private async foundNewest(
    topic: string,
    lane: Lane,
    { owned, isDeadLetter }: Output,
  ): Promise<SourcePosition | null> {
    const partition = owned!
    const { log, group } = this.options
    const newest = await newestSource(
      log,
      { topic, partition },
      isDeadLetter ? (record) => readDeadLetter(record.value)?.group === group : undefined,
    )
    lane.newestByPartition.set(partition, newest)
    return newest
  }
}

function nextBatch(queue: readonly Queued[]): Queued[] {
  let bytes = 0
  let count = 0
  while (count < queue.length && count < recordsPerAppendMax) {
    bytes += queue[count]!.output.record.value?.byteLength ?? 0
    if (count > 0 && bytes > bytesPerAppendMax) break
    count++
  }
  return queue.slice(0, count)
}

function keyOf({ topic, partition }: OutputPosition): string {
  return `${topic}/${partition}`
}
