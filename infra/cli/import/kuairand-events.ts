// Maps KuaiRand rows to Freshet's events, purely: the same row is always the same event with the same id, and everything
// comes out in event-time order. Imported pages have one entry each: the log does not say which videos shared a page.
import type {
  CreatorFollowed,
  NotInterested,
  UserJoined,
  VideoCommented,
  VideoLiked,
  VideoPublished,
  VideoShared,
  VideoSkipped,
  VideoWatched,
} from '../../../schemas/generated.ts'
import { derivedEventId } from '../../../schemas/ids.ts'
import { completeRatioMin } from '../../../schemas/labels.ts'
import type { LogRow, UserRow, VideoRow } from './kuairand-reader.ts'
import { TimeHeap } from './time-heap.ts'

export type ImportedEngagement =
  | VideoLiked
  | CreatorFollowed
  | VideoCommented
  | VideoShared
  | NotInterested
  | VideoWatched
  | VideoSkipped

/** A page of one entry that another system served; it becomes a FeedServed after hydration at this time. */
export interface ImportedImpression {
  readonly kind: 'impression'
  readonly eventId: string
  readonly requestId: string
  readonly userId: string
  readonly videoId: string
  readonly creatorId: string
  /** `tab` and the number of the tab it was shown in. */
  readonly surface: string
  readonly impressionTimeMs: number
}

export type TimelineEvent = ImportedImpression | { readonly kind: 'engagement'; readonly record: ImportedEngagement }

export interface TimelineOptions {
  /** Creator of a video: the log does not name it. `unknownCreator` where nobody knows. */
  creatorOf(videoId: string): string
  /** Rows that repeat (user, video, time) are the same events again: `drop` them, or `keep` them to try idempotency. */
  readonly repeats: 'keep' | 'drop'
}

export const unknownCreator = 'unknown'
/** Longest watch time believed of a video that is shorter: past it a player was left running, or the log is wrong. */
export const watchTimeMsMax = 600_000
const replaysMax = 20

/** Creator lookup for `kuairandTimeline` from the video rows. */
export function creatorsOf(videos: readonly VideoRow[]): (videoId: string) => string {
  const creatorByVideo = new Map(videos.map((video) => [video.videoId, video.authorId]))
  return (videoId) => creatorByVideo.get(videoId) ?? unknownCreator
}

/**
 * Impressions at their time, the engagements of each when its view ended, all in event-time order; ties in the order of
 * the rows. Rows may come in any order: they are sorted by time, stably, unless they are already.
 */
export function* kuairandTimeline(rows: readonly LogRow[], options: TimelineOptions): Generator<TimelineEvent> {
  const ordered = inTimeOrder(rows) ? rows : [...rows].sort((a, b) => a.timeMs - b.timeMs)
  const pending = new TimeHeap<{ row: LogRow; requestId: string }>()
  const seen = new Set<string>()
  let seenTimeMs = Number.NaN
  for (let rowIndex = 0; rowIndex < ordered.length; rowIndex++) {
    const row = ordered[rowIndex]!
    // An end at the very time of this impression belongs to an earlier row, so it comes first.
    while (pending.size > 0 && pending.earliestMs <= row.timeMs) yield* viewEvents(pending.pop(), options)
    if (options.repeats === 'drop') {
      if (row.timeMs !== seenTimeMs) seen.clear()
      seenTimeMs = row.timeMs
      const key = `${row.userId}:${row.videoId}`
      if (seen.has(key)) continue
      seen.add(key)
    }
    const requestId = derivedId(row, 'request')
    yield impression(row, requestId, options)
    pending.push(viewEndMs(row), rowIndex, { row, requestId })
  }
  while (pending.size > 0) yield* viewEvents(pending.pop(), options)
}

function inTimeOrder(rows: readonly LogRow[]): boolean {
  for (let index = 1; index < rows.length; index++) if (rows[index]!.timeMs < rows[index - 1]!.timeMs) return false
  return true
}

function impression(row: LogRow, requestId: string, options: TimelineOptions): ImportedImpression {
  return {
    kind: 'impression',
    eventId: derivedId(row, 'FeedServed'),
    requestId,
    userId: row.userId,
    videoId: row.videoId,
    creatorId: options.creatorOf(row.videoId),
    surface: `tab${row.tab}`,
    impressionTimeMs: row.timeMs,
  }
}

/** What the user did, the view's end last: that is when the example is complete. */
function* viewEvents(
  { row, requestId }: { row: LogRow; requestId: string },
  options: TimelineOptions,
): Generator<TimelineEvent> {
  const about = (type: string) => ({
    eventId: derivedId(row, type),
    eventTimeMs: viewEndMs(row),
    receivedTimeMs: viewEndMs(row),
    userId: row.userId,
    videoId: row.videoId,
    requestId,
    position: 0,
  })
  const engagement = (record: ImportedEngagement): TimelineEvent => ({ kind: 'engagement', record })
  const withdrawn = false
  if (row.like) yield engagement({ type: 'VideoLiked', ...about('VideoLiked'), withdrawn })
  if (row.follow) {
    const creatorId = options.creatorOf(row.videoId)
    yield engagement({ type: 'CreatorFollowed', ...about('CreatorFollowed'), creatorId, withdrawn })
  }
  if (row.comment) {
    const shared = about('VideoCommented')
    yield engagement({ type: 'VideoCommented', ...shared, commentId: shared.eventId, text: '', withdrawn })
  }
  if (row.forward) yield engagement({ type: 'VideoShared', ...about('VideoShared'), channel: null, withdrawn })
  if (row.hate) yield engagement({ type: 'NotInterested', ...about('NotInterested'), reason: null, withdrawn })
  yield engagement(viewEnd(row, about))
}

function viewEnd(
  row: LogRow,
  about: (type: string) => Omit<VideoSkipped, 'type' | 'watchTimeMs' | 'durationMs' | 'givenLabels'>,
): VideoWatched | VideoSkipped {
  const watchTimeMs = believedWatchTimeMs(row)
  const { durationMs } = row
  const givenLabels = {
    longView: row.longView,
    like: row.like,
    follow: row.follow,
    comment: row.comment,
    share: row.forward,
    notInterested: row.hate,
  }
  // Without a duration nothing says that it was cut short.
  const skipped = watchTimeMs < durationMs && !row.longView
  if (skipped) return { type: 'VideoSkipped', ...about('VideoSkipped'), watchTimeMs, durationMs, givenLabels }
  const ratio = durationMs > 0 ? watchTimeMs / durationMs : 0
  return {
    type: 'VideoWatched',
    ...about('VideoWatched'),
    watchTimeMs,
    durationMs,
    completed: ratio >= completeRatioMin,
    replays: Math.min(replaysMax, Math.max(0, Math.floor(ratio) - 1)),
    givenLabels,
  }
}

/** Watch time with impossible values clipped: ratios past 200,000 occur. */
export function believedWatchTimeMs(row: LogRow): number {
  return Math.min(row.playTimeMs, Math.max(watchTimeMsMax, row.durationMs))
}

function viewEndMs(row: LogRow): number {
  return row.timeMs + believedWatchTimeMs(row)
}

function derivedId(row: LogRow, type: string): string {
  return derivedEventId(`kuairand:${row.userId}:${row.videoId}:${row.timeMs}:${type}`)
}

/** A profile as an event at `joinedTimeMs` (the file does not say when): every column but the id is an attribute. */
export function userJoined(row: UserRow, joinedTimeMs: number): UserJoined {
  return {
    type: 'UserJoined',
    eventId: derivedEventId(`kuairand:user:${row.userId}`),
    eventTimeMs: joinedTimeMs,
    receivedTimeMs: joinedTimeMs,
    userId: row.userId,
    region: null,
    language: null,
    birthYear: null,
    interests: [],
    attributes: { ...row.attributes },
  }
}

/** A video as an event at its upload day, or at `unknownTimeMs` where the file does not say. */
export function videoPublished(row: VideoRow, unknownTimeMs: number): VideoPublished {
  const timeMs = row.uploadTimeMs ?? unknownTimeMs
  const width = Number(row.attributes.server_width)
  const height = Number(row.attributes.server_height)
  const aspect = width > 0 && height > 0 ? { aspect: width / height } : {}
  return {
    type: 'VideoPublished',
    eventId: derivedEventId(`kuairand:video:${row.videoId}`),
    eventTimeMs: timeMs,
    receivedTimeMs: timeMs,
    videoId: row.videoId,
    creatorId: row.authorId,
    durationMs: row.durationMs,
    soundId: row.musicId,
    hashtags: [...row.tags],
    category: null,
    language: null,
    region: null,
    ageRating: null,
    contentId: null,
    embedding: null,
    attributes: { ...row.attributes, ...aspect },
    playback: null,
  }
}
