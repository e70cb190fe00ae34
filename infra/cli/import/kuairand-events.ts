// Maps KuaiRand rows to Freshet's events, purely: the same row is always the same event with the same id, and everything
// comes out in event-time order.
import type { UserJoined, VideoPublished } from '../../../schemas/generated.ts'
import { derivedEventId } from '../../../schemas/ids.ts'
import { type TimelineEvent, unknownCreator } from './imported-events.ts'
import type { ImportedRow } from './imported-row.ts'
import type { LogRow, UserRow, VideoRow } from './kuairand-reader.ts'
import { importedTimeline } from './timeline.ts'

export type { ImportedEngagement, ImportedImpression, TimelineEvent } from './imported-events.ts'

export interface KuairandTimelineOptions {
  /** Creator of a video: the log does not name it. `unknownCreator` where nobody knows. */
  creatorOf(videoId: string): string
  /** Rows that repeat (user, video, time) are the same events again: `drop` them, or `keep` them to try idempotency. */
  readonly repeats: 'keep' | 'drop'
}

/** Creator lookup for `kuairandTimeline` from the video rows. */
export function creatorsOf(videos: readonly VideoRow[]): (videoId: string) => string {
  const creatorByVideo = new Map(videos.map((video) => [video.videoId, video.authorId]))
  return (videoId) => creatorByVideo.get(videoId) ?? unknownCreator
}

/** Impressions at their time, the engagements of each when its view ended. Rows may come in any order. */
export function kuairandTimeline(rows: readonly LogRow[], options: KuairandTimelineOptions): Generator<TimelineEvent> {
  return importedTimeline(rows.map(importedRow), { ...options, source: 'kuairand', untold: {}, events: null })
}

/** A view with the labels that the log brings; `tab` and the number of the tab it was shown in is its surface. */
function importedRow(row: LogRow): ImportedRow {
  const { userId, videoId, timeMs, durationMs } = row
  return {
    meaning: 'view',
    userId,
    videoId,
    timeMs,
    watchTimeMs: row.playTimeMs,
    durationMs,
    labels: {
      longView: row.longView,
      like: row.like,
      follow: row.follow,
      comment: row.comment,
      share: row.forward,
      notInterested: row.hate,
    },
    surface: `tab${row.tab}`,
    device: null,
    language: null,
    region: null,
    propensity: 1,
  }
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
