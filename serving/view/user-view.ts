// All that is known of one user, as a fold of their partition of `interactions` and `users`. Everything is bounded.
import type { FeedServed, InteractionsRecord, VideoSkipped, VideoWatched } from '../../schemas/generated.ts'
import { headIndex, heads, viewLabels } from '../../schemas/labels.ts'
import type { UserFacts, UserHistory } from '../../streams/features/feature.ts'
import { emptyHistory, foldHistory } from '../../streams/features/history.ts'
import { unknownUser } from '../../streams/features/user-facts.ts'
import { BoundedMap } from './bounded-map.ts'
import type { Catalog, CatalogEntry } from './catalog.ts'
import { FeedSession, type ServedPage } from './feed-session.ts'
import { LessOf } from './less-of.ts'
import { TopicOutcomes } from './topic-outcomes.ts'
import type { ViewLimits } from './view-limits.ts'

export type UserEvent = Exclude<InteractionsRecord, { type: 'FeedServed' | 'Tick' }>

const heldMax = 1_000
const pagesRememberedMax = 64

export class UserView {
  readonly userId: string
  private readonly limits: ViewLimits
  private profile: UserFacts
  private blockedCreators: ReadonlySet<string> = new Set()
  history: UserHistory = emptyHistory
  /** Catalog numbers watched, or served and passed. */
  private readonly seen: BoundedMap<number, true>
  /** Catalog numbers served and not reached, with the time. */
  private readonly held = new BoundedMap<number, number>(heldMax)
  /** Creators with the time of the follow, oldest first. */
  readonly follows: BoundedMap<string, number>
  readonly lessOf: LessOf
  readonly topics: TopicOutcomes
  readonly sessions: BoundedMap<string, FeedSession>
  private readonly pageByRequest = new BoundedMap<string, ServedPage>(pagesRememberedMax)

  constructor(userId: string, limits: ViewLimits) {
    this.userId = userId
    this.limits = limits
    this.profile = unknownUser(userId)
    this.seen = new BoundedMap(limits.seenMax)
    this.follows = new BoundedMap(limits.followsMax)
    this.lessOf = new LessOf(limits.lessOfMax)
    this.topics = new TopicOutcomes(limits.topicsMax)
    this.sessions = new BoundedMap(limits.sessionsPerUserMax)
  }

  get facts(): UserFacts {
    return this.profile
  }

  set facts(facts: UserFacts) {
    this.profile = facts
    this.blockedCreators = blockedOf(facts)
  }

  get hasBlockedAny(): boolean {
    return this.blockedCreators.size > 0
  }

  hasBlocked(creatorId: string): boolean {
    return this.blockedCreators.has(creatorId)
  }

  hasSeen(entry: CatalogEntry): boolean {
    return this.seen.has(entry.index) || this.seen.has(entry.contentIndex)
  }

  /** When the video was served without being reached since; null where it was not. */
  heldSinceMs(index: number): number | null {
    return this.held.get(index) ?? null
  }

  /** Catalog numbers served and not reached since. */
  heldIndexes(): IterableIterator<number> {
    return this.held.keys()
  }

  get requestIds(): Iterable<string> {
    return this.pageByRequest.keys()
  }

  /** Takes a page in, from the log or ahead of it. */
  served(record: FeedServed, catalog: Catalog): void {
    if (this.pageByRequest.has(record.requestId)) return
    const indexes = record.entries.flatMap((entry) => catalog.numberOf(entry.videoId) ?? [])
    const feed = record.feed === 'following' ? 'following' : 'foryou'
    const session =
      this.sessions.get(record.sessionId) ??
      new FeedSession(record.sessionId, record.seed, feed, this.limits.pagesPerSessionMax)
    this.sessions.set(record.sessionId, session)
    session.add(record.page, record.requestId, indexes)
    for (const index of indexes) session.hold(catalog.at(index)!.contentIndex)
    this.pageByRequest.set(record.requestId, { requestId: record.requestId, sessionId: record.sessionId, indexes })
    for (const index of indexes) this.held.set(index, record.eventTimeMs)
  }

  /** Takes one event of the user in. */
  acted(event: UserEvent, catalog: Catalog): void {
    const entry = 'videoId' in event && event.videoId !== null ? entryOf(event.videoId, catalog) : null
    this.history = foldHistory(this.history, event, entry?.facts ?? null)
    if (entry !== null && !('withdrawn' in event && event.withdrawn)) this.reached(event, entry, catalog)
    switch (event.type) {
      case 'VideoWatched':
      case 'VideoSkipped':
        if (entry) this.topics.viewed(entry.topics, topicOutcomeOf(event))
        return
      case 'VideoLiked':
      case 'VideoShared':
      case 'VideoSaved':
        if (entry) this.topics.approved(entry.topics, event.withdrawn ? -1 : 1)
        return
      case 'NotInterested':
      case 'VideoReported':
        this.refused(entry, event.withdrawn, event.eventTimeMs)
        return
      case 'CreatorFollowed':
        if (event.withdrawn) this.follows.delete(event.creatorId)
        else this.follows.set(event.creatorId, event.eventTimeMs)
        return
      case 'InterestsReset':
        this.topics.clear()
        this.lessOf.clear()
    }
  }

  /** The video was on the screen, and so was what stood before it on its page. */
  private reached(event: UserEvent, entry: CatalogEntry, catalog: Catalog): void {
    this.markSeen(entry)
    const requestId = 'requestId' in event ? event.requestId : null
    const page = requestId === null ? undefined : this.pageByRequest.get(requestId)
    if (page === undefined) return
    const position = page.indexes.indexOf(entry.index)
    for (let before = 0; before < position; before++) this.markSeen(catalog.at(page.indexes[before]!)!)
  }

  private markSeen(entry: CatalogEntry): void {
    this.seen.set(entry.index, true)
    if (entry.contentIndex !== entry.index) this.seen.set(entry.contentIndex, true)
    this.held.delete(entry.index)
  }

  private refused(entry: CatalogEntry | null, withdrawn: boolean, asOfMs: number): void {
    if (entry?.facts == null) return
    this.topics.refused(entry.topics, withdrawn ? -1 : 1)
    if (withdrawn) this.lessOf.withdraw(entry.facts.creatorId, entry.topics)
    else this.lessOf.refuse(entry.facts.creatorId, entry.topics, asOfMs)
  }
}

function entryOf(videoId: string, catalog: Catalog): CatalogEntry | null {
  const index = catalog.numberOf(videoId)
  return index === null ? null : catalog.at(index)
}

const labels = new Float32Array(heads.length)

function topicOutcomeOf(event: VideoWatched | VideoSkipped): {
  readonly watchRatio: number
  readonly held: boolean
  readonly earlySkip: boolean
} {
  const { watchTimeMs, durationMs, givenLabels } = event
  viewLabels({ watchTimeMs, durationMs, replays: event.type === 'VideoWatched' ? event.replays : 0 }, labels)
  const complete = givenLabels.complete ?? labels[headIndex.complete] === 1
  const longView = givenLabels.longView ?? labels[headIndex.longView] === 1
  return {
    watchRatio: durationMs > 0 ? watchTimeMs / durationMs : 0,
    held: complete || longView,
    earlySkip: givenLabels.earlySkip ?? labels[headIndex.earlySkip] === 1,
  }
}

/** Creators that the profile names, separated by commas, under the attribute `blockedCreators`. */
function blockedOf(facts: UserFacts): ReadonlySet<string> {
  const named = facts.attributes.blockedCreators
  if (typeof named !== 'string') return new Set()
  return new Set(
    named
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
}
