// Feeds a view from the log: snapshots first, then everything else, each partition in its order, all in turns between
// requests. Ready when it has reached the ends it saw at its start; training is followed but never waited for.
import { decode } from '../../schemas/codec.ts'
import type { Delta } from '../../schemas/generated.ts'
import * as topics from '../../schemas/topics.ts'
import type { GroupMember, Log, LogRecord, Offset, TopicPartition } from '../../streams/log/log.ts'
import { offsetOf, partitionOf } from '../../streams/log/log.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { ModelSnapshots } from '../../trainers/model/model-snapshots.ts'
import { followPartition, type PartitionFollower } from './partition-follower.ts'
import type { View } from './view.ts'

export interface ViewFeederOptions {
  readonly view: View
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  /** Whose users: partitions by number, or what a group of shards shares out. */
  readonly users: { readonly partitions: readonly number[] } | { readonly group: string }
}

export interface FeederCounts {
  /** Errors of the log or the blobs that were met and survived. */
  errors: number
  newestError: string | null
  /** Deltas that did not fit what the view had. */
  gaps: number
  snapshotsLoaded: number
}

export interface ViewFeeder {
  readonly isReady: boolean
  readonly counts: FeederCounts
  /** Resolves when the view has caught up with what the log held at the start. */
  whenReady(): Promise<void>
  stop(): Promise<void>
}

/** Deltas announced this long before their snapshot may still follow it. */
const snapshotMarginMs = 10 * 60_000
const commitEveryMs = 1_000

/** Starts feeding at once. */
export function viewFeeder(options: ViewFeederOptions): ViewFeeder {
  return new LogViewFeeder(options)
}

class LogViewFeeder implements ViewFeeder {
  isReady = false
  readonly counts: FeederCounts = { errors: 0, newestError: null, gaps: 0, snapshotsLoaded: 0 }
  private readonly options: ViewFeederOptions
  private readonly snapshots: ModelSnapshots
  private readonly followers = new Map<string, PartitionFollower>()
  private readonly stopping = new AbortController()
  private readonly uncommitted = new Map<string, { readonly position: TopicPartition; readonly next: Offset }>()
  private stopCommits: () => void = () => {}
  private member: GroupMember | null = null
  private readonly joined = Promise.withResolvers<GroupMember>()
  private readonly assigned: Promise<unknown>[] = []
  private readonly starting: Promise<void>

  constructor(options: ViewFeederOptions) {
    this.options = options
    this.snapshots = new ModelSnapshots({
      blobs: options.blobs,
      load: (model, bucket, bytes) => options.view.load(model, bucket, bytes),
      onError: (error) => this.noteError(error),
    })
    this.starting = this.start()
    // Whoever asks whenReady hears of it; who does not must not bring the process down.
    this.starting.catch((error) => this.noteError(error))
  }

  whenReady(): Promise<void> {
    return this.starting
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.all([...this.followers.values()].map((follower) => follower.stop()))
    this.stopCommits()
    await this.commit()
    await this.member?.leave()
    await this.starting.catch(() => {})
    // What was started meanwhile.
    await Promise.all([...this.followers.values()].map((follower) => follower.stop()))
  }

  private async start(): Promise<void> {
    const { view } = this.options
    const models = [view.model, view.counts].map(({ model, bucketing }) => ({ model, buckets: bucketing.buckets }))
    await this.caughtUp(models.map(({ model }) => topics.snapshotsOf(model)))
    for (const { model, buckets } of models) {
      // One after the other: whole snapshots are large.
      for (let bucket = 0; bucket < buckets; bucket++) await this.snapshots.loadNewest(model, bucket)
    }
    this.counts.snapshotsLoaded = this.snapshots.loads
    // The catalog first: what users did is folded with what the videos are.
    await this.caughtUp([topics.policies, topics.videos])
    const trained = this.caughtUp([
      ...models.map(({ model }) => topics.deltasOf(model)),
      topics.vectorsOf(view.model.model),
    ])
    await Promise.all([trained, this.followUsers()])
    this.isReady = !this.stopping.signal.aborted
    view.measuresFreshness = this.isReady
  }

  /** Follows every partition of the topics; resolves at the ends they have now. */
  private async caughtUp(names: readonly string[]): Promise<void> {
    const specs = await this.options.log.topics()
    const places = specs
      .filter((spec) => names.includes(spec.name))
      .flatMap((spec) => Array.from({ length: spec.partitions }, (_, number) => place(spec.name, number)))
    await Promise.all(places.map((one) => this.follow(one)))
  }

  private async followUsers(): Promise<void> {
    const { users, log } = this.options
    const names = [topics.users, topics.interactions]
    if ('partitions' in users) {
      for (const name of names) await Promise.all(users.partitions.map((number) => this.follow(place(name, number))))
      return
    }
    this.member = await log.joinGroup({
      group: users.group,
      topics: names,
      onAssigned: async (partitions) => {
        this.assigned.push(...partitions.map((one) => this.follow(one).catch((error) => this.noteError(error))))
      },
      onRevoked: async (partitions) => {
        await Promise.all(partitions.map((one) => this.leave(one)))
      },
    })
    this.joined.resolve(this.member)
    this.stopCommits = this.options.runtime.timers.every(commitEveryMs, () => this.commit())
    await Promise.all(this.assigned.splice(0))
  }

  private async follow(position: TopicPartition): Promise<void> {
    if (this.stopping.signal.aborted) return
    const { log, runtime } = this.options
    const { latest } = await log.bounds(position)
    if (this.stopping.signal.aborted) return
    const owned = 'group' in this.options.users && [topics.users, topics.interactions].includes(position.topic)
    const follower = followPartition({
      position,
      from: () => this.startOf(position),
      openReader: async (from) => (owned ? (await this.joined.promise).openReader(from) : log.openReader(from)),
      take: (record, signal) => this.take(record, signal),
      onPosition: (next) => {
        if (owned) this.uncommitted.set(nameOf(position), { position, next })
      },
      onError: (error) => this.noteError(error),
      runtime,
    })
    this.followers.set(nameOf(position), follower)
    await follower.reached(latest)
  }

  /** Positions are committed for those who watch the lag; the view itself always starts from what it lacks. */
  private async commit(): Promise<void> {
    const due = [...this.uncommitted.values()]
    this.uncommitted.clear()
    for (const { position, next } of due) {
      await this.member?.commit(position, next).catch((error) => this.noteError(error))
    }
  }

  private async leave(position: TopicPartition): Promise<void> {
    const follower = this.followers.get(nameOf(position))
    this.followers.delete(nameOf(position))
    this.uncommitted.delete(nameOf(position))
    await follower?.stop()
    await this.member
      ?.commit(position, offsetOf(this.options.view.nextOf(position.topic, position.partition)))
      .catch((error) => this.noteError(error))
  }

  /** Where the view is, or where what it lacks begins. */
  private async startOf(position: TopicPartition): Promise<Offset> {
    const { view, log } = this.options
    const next = view.nextOf(position.topic, position.partition)
    if (next > 0) return offsetOf(next)
    const model = [view.model.model, view.counts.model].find((name) => topics.deltasOf(name) === position.topic)
    const snapshotMs = model === undefined ? null : this.snapshots.newestTimestampMs(model, position.partition)
    const { earliest } = await log.bounds(position)
    return snapshotMs === null ? earliest : log.offsetAt(position, snapshotMs - snapshotMarginMs)
  }

  private take(record: LogRecord, signal: AbortSignal): void | Promise<void> {
    const { view } = this.options
    if (record.value === null) return view.skip(record.topic, record.partition, record.offset, null)
    const decoded = decode(record.value)
    if (decoded.type === 'undecodable') {
      return view.skip(record.topic, record.partition, record.offset, decoded.reason)
    }
    const { topic, partition, offset, key, timestampMs } = record
    if (decoded.type === 'SnapshotTaken') this.snapshots.announced(decoded, timestampMs)
    const recorded = { topic, partition, offset, key, timestampMs, record: decoded }
    if (view.apply(recorded) === 'gap') return this.bridge(record, recorded, signal)
  }

  /** Holds the partition of a delta that does not fit until a snapshot of its bucket reaches it. Feeds and the other
   *  buckets go on. */
  private async bridge(record: LogRecord, recorded: Recorded, signal: AbortSignal): Promise<void> {
    const { view } = this.options
    this.counts.gaps++
    this.followers.get(nameOf(record))?.release()
    const { model, bucket } = recorded.record as Delta
    do {
      await this.snapshots.loadNext(model, bucket, signal)
      this.counts.snapshotsLoaded = this.snapshots.loads
    } while (!signal.aborted && view.apply(recorded) === 'gap')
  }

  private noteError(error: unknown): void {
    if (this.stopping.signal.aborted && error instanceof FreshetError) return
    this.counts.errors++
    this.counts.newestError = error instanceof Error ? error.message : String(error)
  }
}

function place(topic: string, partition: number): TopicPartition {
  return { topic, partition: partitionOf(partition) }
}

function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
