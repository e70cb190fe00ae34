// The shapes of the HTTP API as a client sees them. The gateway's tests hold them to what it answers.

export interface FeedQuery {
  /** 1 to 50; 10 where it is missing. */
  readonly limit?: number
  readonly feed?: 'foryou' | 'following'
  readonly surface?: string
  readonly device?: string
  readonly network?: string
  readonly language?: string
  readonly region?: string
  /** Scores and reasons with each entry. */
  readonly explain?: boolean
}

export interface FeedEntry {
  readonly videoId: string
  readonly position: number
  readonly creatorId: string
  readonly source: string
  readonly scores?: Readonly<Record<string, number>>
  readonly reasons?: readonly string[]
  readonly playback: {
    readonly mp4?: string
    readonly hls?: string
    readonly poster?: string
    readonly durationMs: number
    readonly preload?: string
  }
}

export interface FeedPage {
  readonly requestId: string
  readonly entries: readonly FeedEntry[]
  readonly cursor: string | null
  readonly versions: { readonly log: Readonly<Record<string, number>>; readonly model: string; readonly policy: number }
  readonly unlogged?: boolean
}

interface Shown {
  readonly videoId: string
  /** The page that showed it, and the place there: with them the engagement needs no guessing. */
  readonly requestId?: string
  readonly position?: number
}
interface Withdrawable {
  readonly withdrawn?: boolean
}

/** What a user did; who and when is added. */
export type UserEvent =
  | ({
      readonly type: 'VideoWatched'
      readonly watchTimeMs: number
      readonly durationMs: number
      readonly completed?: boolean
      readonly replays?: number
    } & Shown)
  | ({ readonly type: 'VideoSkipped'; readonly watchTimeMs: number; readonly durationMs: number } & Shown)
  | ({ readonly type: 'VideoLiked' | 'VideoSaved' } & Shown & Withdrawable)
  | ({ readonly type: 'VideoShared'; readonly channel?: string } & Shown & Withdrawable)
  | ({ readonly type: 'VideoCommented'; readonly commentId: string; readonly text: string } & Shown & Withdrawable)
  | ({ readonly type: 'CreatorFollowed'; readonly creatorId: string } & Partial<Shown> & Withdrawable)
  | ({ readonly type: 'NotInterested'; readonly reason?: string } & Shown & Withdrawable)
  | ({ readonly type: 'VideoReported'; readonly reason: string } & Shown & Withdrawable)
  | { readonly type: 'InterestsReset' }

export type StampedEvent = UserEvent & {
  readonly eventId: string
  readonly eventTimeMs: number
  readonly userId: string
}

export interface Intake {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: readonly { readonly index: number; readonly code: string; readonly message: string }[]
}

/** An event the gateway will never take, with its reason. */
export interface RefusedEvent {
  readonly event: StampedEvent
  readonly code: string
  readonly message: string
}
