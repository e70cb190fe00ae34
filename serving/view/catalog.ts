// Every video by id and by a dense number, as a fold of `videos`: facts, state, playback, and the lists by creator and
// topic. Numbers are given once and never reused, so that indexes and seen sets may hold them.
import type { Playback, VideoModerated, VideoPublished, VideoTakenDown } from '../../schemas/generated.ts'
import type { VideoFacts } from '../../streams/features/feature.ts'
import { topicsOf } from '../../streams/features/own-ids.ts'
import type { ViewLimits } from './view-limits.ts'

export type Moderation = VideoModerated['state']

export interface CatalogEntry {
  readonly index: number
  readonly videoId: string
  /** null: only heard of, not published. */
  facts: VideoFacts | null
  /** What the video is about: its category and hashtags. */
  topics: readonly string[]
  /** Its hashtags where there are any, else its category: what a page must not repeat too often. */
  narrowTopics: readonly string[]
  ageRating: number | null
  playback: Playback | null
  moderation: Moderation
  takenDown: boolean
  takenDownReason: string | null
  /** Number of the first video that shows the same thing; its own where there is none. */
  contentIndex: number
}

/** An entry whose facts are known. */
export type PublishedEntry = CatalogEntry & { facts: VideoFacts }

export class Catalog {
  private readonly limits: ViewLimits
  private readonly entries: CatalogEntry[] = []
  private readonly indexByVideo = new Map<string, number>()
  private readonly indexByContent = new Map<string, number>()
  private readonly indexesByCreator = new Map<string, number[]>()
  private readonly indexesByTopic = new Map<string, number[]>()
  private readonly topicsMet: string[] = []
  private published = 0
  private servableCount = 0
  refused = 0

  constructor(limits: ViewLimits) {
    this.limits = limits
  }

  /** Numbers given so far: every number is below. */
  get size(): number {
    return this.entries.length
  }

  /** Videos published and not taken down. */
  get servable(): number {
    return this.servableCount
  }

  at(index: number): CatalogEntry | null {
    return this.entries[index] ?? null
  }

  /** null for a video that is not published or must not be shown to anyone. */
  servableAt(index: number): PublishedEntry | null {
    const entry = this.entries[index]
    return entry !== undefined && isServable(entry) ? entry : null
  }

  byId(videoId: string): CatalogEntry | null {
    const index = this.indexByVideo.get(videoId)
    return index === undefined ? null : this.entries[index]!
  }

  /** Number of a video, given now where it has none; null when too many are unpublished. */
  numberOf(videoId: string): number | null {
    const known = this.indexByVideo.get(videoId)
    if (known !== undefined) return known
    if (this.entries.length - this.published >= this.limits.unpublishedMax) return null
    return this.add(videoId).index
  }

  /** Newest first. */
  byCreator(creatorId: string): readonly number[] {
    return this.indexesByCreator.get(creatorId) ?? []
  }

  /** Newest first. */
  byTopic(topic: string): readonly number[] {
    return this.indexesByTopic.get(topic) ?? []
  }

  /** Every topic met so far, in the order met. */
  get topicNames(): readonly string[] {
    return this.topicsMet
  }

  /** Takes the publication in; null when the catalog is full. */
  publish(record: VideoPublished, facts: VideoFacts): PublishedEntry | null {
    const known = this.byId(record.videoId)
    if (known?.facts == null && this.published >= this.limits.videosMax) {
      this.refused++
      return null
    }
    const entry = known ?? this.add(record.videoId)
    if (entry.facts) this.unlist(entry as PublishedEntry)
    else this.published++
    if (isServable(entry)) this.servableCount--
    entry.facts = facts
    entry.topics = topicsOf(facts)
    entry.narrowTopics = narrowed(entry.topics)
    entry.ageRating = record.ageRating
    entry.playback = record.playback
    entry.takenDown = false
    entry.takenDownReason = null
    entry.contentIndex = this.contentIndexOf(record.contentId, entry.index)
    if (isServable(entry)) this.servableCount++
    this.list(entry as PublishedEntry)
    return entry as PublishedEntry
  }

  /** New facts of a published video: an embedding, a duration. */
  describe(videoId: string, facts: VideoFacts): void {
    const entry = this.byId(videoId)
    if (entry?.facts) entry.facts = facts
  }

  takeDown(record: VideoTakenDown): CatalogEntry | null {
    return this.change(record.videoId, (entry) => {
      entry.takenDown = true
      entry.takenDownReason = record.reason
    })
  }

  moderate(record: VideoModerated): CatalogEntry | null {
    return this.change(record.videoId, (entry) => {
      entry.moderation = record.state
    })
  }

  private change(videoId: string, apply: (entry: CatalogEntry) => void): CatalogEntry | null {
    const index = this.numberOf(videoId)
    if (index === null) return null
    const entry = this.entries[index]!
    const before = isServable(entry)
    apply(entry)
    this.servableCount += Number(isServable(entry)) - Number(before)
    return entry
  }

  private add(videoId: string): CatalogEntry {
    const index = this.entries.length
    const entry: CatalogEntry = {
      index,
      videoId,
      facts: null,
      topics: [],
      narrowTopics: [],
      ageRating: null,
      playback: null,
      moderation: 'approved',
      takenDown: false,
      takenDownReason: null,
      contentIndex: index,
    }
    this.entries.push(entry)
    this.indexByVideo.set(videoId, index)
    return entry
  }

  private contentIndexOf(contentId: string | null, index: number): number {
    if (contentId === null) return index
    const first = this.indexByContent.get(contentId)
    if (first !== undefined) return first
    this.indexByContent.set(contentId, index)
    return index
  }

  private list(entry: PublishedEntry): void {
    this.insert(this.indexesByCreator, entry.facts.creatorId, entry, this.limits.videosPerCreatorMax)
    for (const topic of entry.topics) {
      // A list stays, empty, when its last video goes: the topic is not met twice.
      if (!this.indexesByTopic.has(topic)) this.topicsMet.push(topic)
      this.insert(this.indexesByTopic, topic, entry, this.limits.videosPerTopicMax)
    }
  }

  private unlist(entry: PublishedEntry): void {
    drop(this.indexesByCreator, entry.facts.creatorId, entry.index)
    for (const topic of entry.topics) drop(this.indexesByTopic, topic, entry.index)
  }

  private insert(lists: Map<string, number[]>, name: string, entry: PublishedEntry, listMax: number): void {
    let list = lists.get(name)
    if (list === undefined) {
      list = []
      lists.set(name, list)
    }
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.entries[list[middle]!]!.facts!
      if (other.publishedTimeMs > entry.facts.publishedTimeMs) low = middle + 1
      else high = middle
    }
    list.splice(low, 0, entry.index)
    if (list.length > listMax) list.pop()
  }
}

export function isServable(entry: CatalogEntry): entry is PublishedEntry {
  return entry.facts !== null && !entry.takenDown && entry.moderation !== 'rejected' && entry.moderation !== 'pending'
}

function narrowed(topics: readonly string[]): readonly string[] {
  const hashtags = topics.filter((topic) => !topic.startsWith('category:'))
  return hashtags.length > 0 ? hashtags : topics
}

function drop(lists: Map<string, number[]>, name: string, index: number): void {
  const list = lists.get(name)
  const place = list?.indexOf(index) ?? -1
  if (place >= 0) list!.splice(place, 1)
}
