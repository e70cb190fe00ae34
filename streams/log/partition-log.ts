// One partition of the embedded log: gives offsets, drops repeated event ids, and commits in groups: whatever was
// appended while one sync ran is written and synced together by the next. Readers see durable records only.
import type { TopicSpec } from '../../schemas/topics.ts'
import { type Disk, isDiskFull } from '../runtime/disk.ts'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { encodeBatch, headerAt } from './batch-frame.ts'
import type { EventWindow } from './event-window.ts'
import type { AppendOutcome, NewRecord, Offset, Partition } from './log.ts'
import type { LogLimits } from './log-limits.ts'
import { RecentBatches } from './recent-batches.ts'
import { framedBytes } from './record-frame.ts'
import { createSegment, type Segment, type SegmentPlace } from './segment.ts'

/** Batches are the unit of reading and of compaction; a single record may be larger. */
const batchBytesTarget = 128 * 1024

/** Batches of one append call, waiting for their sync. */
interface Pending {
  readonly batches: readonly Buffer[]
  readonly bytes: number
  resolve(): void
  reject(error: unknown): void
}

export interface PartitionOptions {
  readonly disk: Disk
  readonly runtime: Runtime
  readonly limits: LogLimits
  readonly place: SegmentPlace
  readonly segments: Segment[]
  readonly window: EventWindow | null
  /** The topic's present settings. */
  readonly spec: () => TopicSpec
}

export class PartitionLog {
  readonly topic: string
  readonly partition: Partition
  readonly place: SegmentPlace
  readonly spec: () => TopicSpec
  readonly recent: RecentBatches
  /** In offset order; the last one is being written. */
  readonly segments: Segment[]
  readonly window: EventWindow | null
  /** Offset after the newest durable record. */
  latest: number
  private readonly disk: Disk
  private readonly runtime: Runtime
  private readonly limits: LogLimits
  private readonly waiters = new Set<() => void>()
  private nextOffset: number
  private pending: Pending[] = []
  private committing: Promise<void> | null = null
  private exclusiveTail: Promise<unknown> = Promise.resolve()
  private refusal: FreshetError | null = null

  constructor(options: PartitionOptions) {
    this.topic = options.place.topic
    this.partition = options.place.partition as Partition
    this.place = options.place
    this.spec = options.spec
    this.segments = options.segments
    this.window = options.window
    this.disk = options.disk
    this.runtime = options.runtime
    this.limits = options.limits
    this.recent = new RecentBatches(options.limits.recentBytesMax)
    this.latest = this.active.index.lastOffset + 1
    this.nextOffset = this.latest
  }

  get active(): Segment {
    return this.segments[this.segments.length - 1]!
  }

  get earliest(): number {
    return this.segments[0]!.baseOffset
  }

  /**
   * Appends `records[i]` for each i of `indices` (null: all) and sets `outcomes[i]`. Offsets are given at once, so the
   * order of calls is the order of records; resolves when they, and what repeats refer to, are durable.
   */
  append(records: readonly NewRecord[], indices: readonly number[] | null, outcomes: AppendOutcome[]): Promise<void> {
    if (this.refusal) return Promise.reject(this.refusal)
    const nowMs = this.runtime.clock.nowMs()
    const count = indices ? indices.length : records.length
    const base = this.nextOffset
    const fresh: NewRecord[] = []
    this.window?.expire(nowMs)
    for (let at = 0; at < count; at++) {
      const recordIndex = indices ? indices[at]! : at
      const record = records[recordIndex]!
      if (this.window && record.eventId !== undefined) {
        const earlier = this.window.find(record.eventId)
        if (earlier >= 0) {
          outcomes[recordIndex] = { status: 'duplicate', partition: this.partition, offset: earlier as Offset }
          continue
        }
        this.window.add(record.eventId, base + fresh.length, nowMs)
      }
      outcomes[recordIndex] = { status: 'appended', partition: this.partition, offset: (base + fresh.length) as Offset }
      fresh.push(record)
    }
    this.nextOffset = base + fresh.length
    return this.enqueue(batchesOf(fresh, base, nowMs))
  }

  /** Runs `work` while no write, roll or maintenance of this partition runs. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.exclusiveTail.then(work)
    this.exclusiveTail = result.catch(() => {})
    return result
  }

  /** Closes the active segment, if it holds anything, and starts the next. Only inside exclusive. */
  async roll(): Promise<void> {
    const full = this.active
    if (full.durableBytes === 0) return
    await full.writeIndex(this.disk)
    this.segments.push(await createSegment(this.disk, this.place, this.latest))
  }

  /** Calls `wake` once, at the next durable append or at close. Returns a way to take that back. */
  onRecords(wake: () => void): () => void {
    this.waiters.add(wake)
    return () => this.waiters.delete(wake)
  }

  /** Finishes what is being written, then closes the files. Later appends are refused. */
  async close(): Promise<void> {
    this.refusal ??= new FreshetError('log-closed', 'the log is closed: open it again')
    while (this.committing) await this.committing
    await this.exclusive(async () => {
      for (const segment of this.segments) await segment.file.close()
    })
    this.wake()
  }

  private enqueue(batches: readonly Buffer[]): Promise<void> {
    let bytes = 0
    for (const batch of batches) bytes += batch.length
    const durable = new Promise<void>((resolve, reject) => {
      this.pending.push({ batches, bytes, resolve, reject })
    })
    this.committing ??= this.commitAll()
    return durable
  }

  private async commitAll(): Promise<void> {
    while (this.pending.length > 0) await this.exclusive(() => this.commitGroup())
    // In the same turn as the look at `pending`, else an append between the two would wait for ever.
    this.committing = null
  }

  private async commitGroup(): Promise<void> {
    const group = this.takeGroup()
    const batches = group.flatMap((pending) => pending.batches)
    try {
      if (batches.length > 0) await this.write(batches)
    } catch (error) {
      await this.undo(group, error)
      return
    }
    for (const pending of group) pending.resolve()
  }

  private takeGroup(): Pending[] {
    let count = 0
    let bytes = 0
    while (
      count < this.pending.length &&
      (count === 0 || bytes + this.pending[count]!.bytes <= this.limits.groupBytesMax)
    ) {
      bytes += this.pending[count++]!.bytes
    }
    return this.pending.splice(0, count)
  }

  private async write(batches: readonly Buffer[]): Promise<void> {
    let bytes = 0
    for (const batch of batches) bytes += batch.length
    if (this.active.durableBytes + bytes > this.limits.segmentBytesMax) await this.roll()
    const headers = batches.map((batch) => headerAt(batch, 0))
    await this.active.append(batches, headers)
    for (let index = 0; index < batches.length; index++) this.recent.add(headers[index]!, batches[index]!)
    this.latest = headers[headers.length - 1]!.lastOffset + 1
    this.wake()
  }

  /** Nothing after the durable end has effect: its offsets and event ids are given again. */
  private async undo(group: readonly Pending[], cause: unknown): Promise<void> {
    const failed = [...group, ...this.pending.splice(0)]
    this.nextOffset = this.latest
    this.window?.forgetFrom(this.latest)
    const where = `${this.topic}/${this.partition}`
    const error = isDiskFull(cause)
      ? new FreshetError('log-unavailable', `${where}: the disk is full: free space and append again`, { cause })
      : new FreshetError('log-unavailable', `${where}: the disk failed: look at it, then open the log again`, { cause })
    try {
      await this.active.cut()
      // After a failed sync nobody knows what is on the disk; only reading it again, at open, tells.
      if (!isDiskFull(cause)) this.refusal ??= error
    } catch {
      this.refusal ??= error
    }
    for (const pending of failed) pending.reject(error)
  }

  private wake(): void {
    const woken = [...this.waiters]
    this.waiters.clear()
    for (const wake of woken) wake()
  }
}

function batchesOf(records: readonly NewRecord[], base: number, nowMs: number): Buffer[] {
  const batches: Buffer[] = []
  let start = 0
  let bytes = 0
  for (let index = 0; index < records.length; index++) {
    bytes += framedBytes(records[index]!)
    const last = index === records.length - 1
    if (!last && bytes < batchBytesTarget) continue
    const part = start === 0 && last ? records : records.slice(start, index + 1)
    batches.push(encodeBatch(part, base + start, nowMs))
    start = index + 1
    bytes = 0
  }
  return batches
}
