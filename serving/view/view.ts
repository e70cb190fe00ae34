// Everything a serving shard knows, in one thread: a fold of its partitions of the log. A record takes effect whole
// between two requests; the stamp says which ones have.
import type { AnyRecord, Delta, FeedServed, UsersRecord, VideosRecord } from '../../schemas/generated.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { foldUserFacts } from '../../streams/features/user-facts.ts'
import { foldVideoFacts } from '../../streams/features/video-facts.ts'
import { partitionForKey } from '../../streams/log/murmur2.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import type { Clock } from '../../streams/runtime/runtime.ts'
import { userBucketOf } from '../../trainers/model/buckets.ts'
import type { Replica } from '../../trainers/model/model.ts'
import type { Params } from '../feed/params.ts'
import { exactIndex } from '../retrieval/exact-index.ts'
import { type FreshIndex, freshIndex } from '../retrieval/fresh-index.ts'
import type { VectorIndex } from '../retrieval/vector-index.ts'
import { BadRecords } from './bad-records.ts'
import { Catalog } from './catalog.ts'
import { CountView } from './count-view.ts'
import { type FreshnessHistogram, freshnessHistogram } from './freshness-histogram.ts'
import { PageMemory } from './page-memory.ts'
import { PolicyBook } from './policy-book.ts'
import { StampWaiters } from './stamp-waiters.ts'
import { UserBook } from './user-book.ts'
import type { UserView } from './user-view.ts'
import { VectorView } from './vector-view.ts'
import { defaultViewLimits, type ViewLimits } from './view-limits.ts'
import type { ViewOptions } from './view-options.ts'

/** bad: counted, and nothing changed; gap: a delta is missing before this one, which may be applied again later. */
export type ViewOutcome = 'applied' | 'stale' | 'gap' | 'bad'

export class View {
  readonly features: FeatureSet
  readonly model: Replica
  readonly counts: Replica
  readonly catalog: Catalog
  readonly countView: CountView
  readonly vectors: VectorView
  /** Content embeddings of servable videos: what is near a video that no tower knows yet. */
  readonly contents: VectorIndex
  readonly fresh: FreshIndex
  readonly policies: PolicyBook
  readonly pages: PageMemory
  /** Milliseconds from an event's acceptance until what it taught could be served. */
  readonly freshness: FreshnessHistogram = freshnessHistogram()
  /** False while the past is read: its age says nothing about freshness. */
  measuresFreshness = false
  readonly badRecords = new BadRecords()
  private readonly limits: ViewLimits
  private readonly clock: Clock
  private readonly userPartitions: number
  readonly users: UserBook
  private readonly nextByPlace = new Map<string, number>()
  private readonly waiters = new StampWaiters()

  constructor(options: ViewOptions) {
    this.limits = { ...defaultViewLimits, ...options.limits }
    this.clock = options.clock
    this.userPartitions = options.userPartitions ?? 1
    this.users = new UserBook(this.limits)
    this.features = options.features
    this.model = options.model
    this.counts = options.counts
    this.catalog = new Catalog(this.limits)
    this.countView = new CountView(options.counts, this.catalog, this.limits)
    const vectorsMax = this.limits.videosMax + this.limits.unpublishedMax
    this.vectors = new VectorView({
      catalog: this.catalog,
      makeIndex: options.makeIndex ?? (() => exactIndex({ dimension: options.vectorDimension, vectorsMax })),
      encoderOf: options.encoderOf,
    })
    this.contents = exactIndex({ dimension: 64, vectorsMax })
    this.fresh = freshIndex({ videosMax: this.limits.freshMax })
    this.policies = new PolicyBook(this.limits.policyVersionsMax)
    this.pages = new PageMemory(this.limits.pagesMax)
  }

  get params(): Params {
    return this.policies.params
  }

  get residentUsers(): number {
    return this.users.size
  }

  /** Next offset by "topic/partition". */
  get stamp(): Record<string, number> {
    return Object.fromEntries([...this.nextByPlace].sort(([left], [right]) => (left < right ? -1 : 1)))
  }

  nextOf(topic: string, partition: number): number {
    return this.nextByPlace.get(`${topic}/${partition}`) ?? 0
  }

  /** Resolves when the view has taken everything before `next` in. */
  reached(topic: string, partition: number, next: number, signal: AbortSignal): Promise<void> {
    if (this.nextOf(topic, partition) >= next) return Promise.resolve()
    return this.waiters.wait(`${topic}/${partition}`, next, signal)
  }

  /** The user as known, or as nobody is known yet; not kept by asking. */
  userOf(userId: string): UserView {
    return this.users.userOf(userId)
  }

  /** Bucket of the model that holds the user's rows. */
  userBucketOf(userId: string): number {
    return userBucketOf(partitionForKey(userId, this.userPartitions), this.model.bucketing)
  }

  /** Folds one record. Records before the stamp are stale. Never throws for what a record holds. */
  apply(input: Recorded): ViewOutcome {
    const place = `${input.topic}/${input.partition}`
    if (input.offset < (this.nextByPlace.get(place) ?? 0)) return 'stale'
    let outcome: ViewOutcome
    try {
      outcome = this.fold(input.record, input.offset)
    } catch (thrown) {
      outcome = this.badRecords.note(place, input.offset, thrown instanceof Error ? thrown.message : String(thrown))
    }
    if (outcome !== 'gap') this.advance(place, input.offset + 1)
    return outcome
  }

  /** Passes over a record that could not be decoded, or a gap in the offsets. */
  skip(topic: string, partition: number, offset: number, reason: string | null): void {
    const place = `${topic}/${partition}`
    if (offset < (this.nextByPlace.get(place) ?? 0)) return
    if (reason !== null) this.badRecords.note(place, offset, reason)
    this.advance(place, offset + 1)
  }

  /** Replaces one bucket of one of the two models by a snapshot of its owner, unless that is older than what is there.
   *  Throws RangeError on a misfit. */
  load(model: string, bucket: number, snapshot: Uint8Array): void {
    const taken = this.replicaOf(model).load(bucket, snapshot)
    if (taken && model === this.counts.model) this.countView.reloaded()
  }

  /** A page just served, ahead of the log: the next request must not repeat it. */
  served(record: FeedServed): void {
    if (record.imported || this.pages.has(record.requestId)) return
    this.users.resident(record.userId).served(record, this.catalog)
    this.pages.keep(record)
    this.countView.openRegion(record.region)
  }

  private fold(record: AnyRecord, offset: number): ViewOutcome {
    switch (record.type) {
      case 'FeedServed':
        this.served(record)
        return 'applied'
      case 'VideoWatched':
      case 'VideoSkipped':
      case 'VideoLiked':
      case 'VideoShared':
      case 'VideoSaved':
      case 'VideoCommented':
      case 'VideoReported':
      case 'NotInterested':
      case 'CreatorFollowed':
      case 'InterestsReset':
        this.users.resident(record.userId).acted(record, this.catalog)
        return 'applied'
      case 'VideoTranscoded':
      case 'VideoEmbedded':
      case 'VideoModerated':
      case 'VideoPublished':
      case 'VideoTakenDown':
        this.foldVideo(record)
        return 'applied'
      case 'UserJoined':
      case 'InterestsChosen':
      case 'ProfileChanged':
      case 'UserErased':
        this.foldUser(record)
        return 'applied'
      case 'PolicyChanged':
        this.policies.apply(record, offset + 1)
        return 'applied'
      case 'Delta':
        return this.foldDelta(record)
      case 'ItemVector':
        this.vectors.upsert(record)
        return 'applied'
      case 'GenerationReady':
        this.vectors.ready(record)
        return 'applied'
      default:
        return 'applied'
    }
  }

  private foldUser(record: UsersRecord): void {
    const facts = foldUserFacts(this.users.find(record.userId)?.facts ?? null, record)
    if (facts === null) {
      this.pages.forget(this.users.find(record.userId)?.requestIds ?? [])
      this.users.forget(record.userId)
      return
    }
    this.users.resident(record.userId).facts = facts
    if (facts.region !== null) this.countView.openRegion(facts.region)
  }

  private foldVideo(record: VideosRecord): void {
    const known = this.catalog.byId(record.videoId)?.facts ?? null
    const facts = foldVideoFacts(known, record)
    if (record.type === 'VideoPublished') this.catalog.publish(record, facts!)
    else if (record.type === 'VideoTakenDown') this.catalog.takeDown(record)
    else if (record.type === 'VideoModerated') this.catalog.moderate(record)
    else if (facts !== null && facts !== known) this.catalog.describe(record.videoId, facts)
    const entry = this.catalog.byId(record.videoId)
    if (entry === null) return
    const servable = this.catalog.servableAt(entry.index)
    if (servable === null) {
      for (const index of [this.fresh, this.countView, this.contents]) index.remove(entry.index)
      return
    }
    this.fresh.upsert(entry.index, servable.facts.publishedTimeMs)
    if (servable.facts.content) this.contents.upsert(entry.index, servable.facts.content)
    this.countView.add(servable)
  }

  private foldDelta(delta: Delta): ViewOutcome {
    const outcome = this.replicaOf(delta.model).apply(delta)
    if (outcome !== 'applied') return outcome
    if (delta.model === this.counts.model) this.countView.changed(delta)
    else if (this.measuresFreshness) {
      const nowMs = this.clock.nowMs()
      for (const { receivedTimeMs, examples } of delta.receivedTimes)
        this.freshness.record(nowMs - receivedTimeMs, examples)
    }
    return outcome
  }

  private replicaOf(model: string): Replica {
    if (model === this.model.model) return this.model
    if (model === this.counts.model) return this.counts
    throw new RangeError(`this view does not follow model ${model}`)
  }

  private advance(place: string, next: number): void {
    this.nextByPlace.set(place, next)
    this.waiters.advanced(place, next)
  }
}
