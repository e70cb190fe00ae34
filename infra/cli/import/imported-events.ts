// What rows of a log made elsewhere become: impressions, and what the users did with them.
import type {
  CreatorFollowed,
  NotInterested,
  VideoCommented,
  VideoLiked,
  VideoReported,
  VideoSaved,
  VideoShared,
  VideoSkipped,
  VideoWatched,
} from '../../../schemas/generated.ts'
import { derivedEventId } from '../../../schemas/ids.ts'

export type ImportedEngagement =
  | VideoLiked
  | CreatorFollowed
  | VideoCommented
  | VideoShared
  | VideoSaved
  | NotInterested
  | VideoReported
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
  readonly surface: string
  /** Null: the log does not say. */
  readonly device: string | null
  readonly language: string | null
  readonly region: string | null
  /** Probability with which the other system showed this video; 1 where it does not say. */
  readonly propensity: number
  readonly impressionTimeMs: number
}

export type TimelineEvent = ImportedImpression | { readonly kind: 'engagement'; readonly record: ImportedEngagement }

export const unknownCreator = 'unknown'

/** Id of what became of a row: equal rows of one source give equal ids, however often they are imported. */
export function rowEventId(
  source: string,
  row: { readonly userId: string; readonly videoId: string; readonly timeMs: number },
  type: string,
): string {
  return derivedEventId(`${source}:${idText(row.userId)}:${idText(row.videoId)}:${row.timeMs}:${type}`)
}

/** Keeps (a:b, c) and (a, b:c) apart. */
export function idText(id: string): string {
  return id.includes(':') || id.includes('%') ? encodeURIComponent(id) : id
}
