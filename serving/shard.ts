// What the gateway asks of a serving shard, whether it runs in this thread, in a worker or elsewhere.
import type { FeedServed } from '../schemas/generated.ts'

export type FeedKind = 'foryou' | 'following'

export interface FeedRequest {
  readonly requestId: string
  readonly userId: string
  /** 1 to 50. */
  readonly limit: number
  readonly feed: FeedKind
  /** Opaque; null starts a new session. */
  readonly cursor: string | null
  /** Seed of a new session. */
  readonly seed: number
  readonly surface: string
  readonly device: string
  readonly network: string
  /** null: the profile's, else the default. */
  readonly language: string | null
  readonly region: string | null
  readonly explain: boolean
  /** When the gateway took the request, UTC milliseconds. */
  readonly receivedTimeMs: number
  /** The page must reflect the user's partition of `interactions` up to this offset (exclusive); null: whatever is known.
   *  The shard waits for it a bounded time, then answers with what it has and counts it. */
  readonly reflect: { readonly partition: number; readonly next: number } | null
}

export interface FeedEntry {
  readonly videoId: string
  readonly position: number
  readonly creatorId: string
  readonly source: string
  readonly playback: {
    readonly mp4?: string
    readonly hls?: string
    readonly poster?: string
    readonly durationMs: number
  }
  /** With explain: head probabilities, stage scores and reasons in words. */
  readonly scores?: Readonly<Record<string, number>>
  readonly reasons?: readonly string[]
}

export interface FeedPage {
  readonly requestId: string
  readonly entries: readonly FeedEntry[]
  /** null: there is nothing more to show now. */
  readonly cursor: string | null
  readonly versions: { readonly log: Readonly<Record<string, number>>; readonly model: string; readonly policy: number }
  /** The record to append before answering; null when this page was served before and is only given again. */
  readonly served: FeedServed | null
}

export type FeedOutcome =
  | { readonly status: 'ok'; readonly page: FeedPage }
  /** The cursor is not one of this user's, or its page is no longer known. */
  | { readonly status: 'bad-cursor'; readonly reason: string }

export interface VideoState {
  readonly videoId: string
  readonly state: 'published' | 'taken-down'
  readonly creatorId: string
  readonly durationMs: number
  readonly hashtags: readonly string[]
  readonly views: number
  readonly reason?: string
}

export interface ShardStatus {
  /** False until the shard has read what was in the log when it started. */
  readonly ready: boolean
  /** Next offset by "topic/partition". */
  readonly stamp: Readonly<Record<string, number>>
  readonly videos: number
  readonly residentUsers: number
}

export interface ServingShard {
  feed(request: FeedRequest): Promise<FeedOutcome>
  video(videoId: string): Promise<VideoState | null>
  /** The page as it was served, with every feature by name; null when this shard does not remember it. */
  explain(requestId: string): Promise<ExplainedRequest | null>
  status(): Promise<ShardStatus>
}

export interface ExplainedEntry {
  readonly videoId: string
  readonly position: number
  readonly source: string
  readonly score: number
  readonly stageScores: Readonly<Record<string, number>>
  readonly predictions: Readonly<Record<string, number>>
  readonly features: Readonly<Record<string, number | readonly string[]>>
  readonly reasons: readonly string[]
  readonly propensity: number
}

export interface ExplainedRequest {
  readonly requestId: string
  readonly userId: string
  readonly servedTimeMs: number
  readonly features: Readonly<Record<string, number | readonly string[]>>
  readonly entries: readonly ExplainedEntry[]
  readonly weights: Readonly<Record<string, number>>
  readonly rules: readonly string[]
  readonly sources: readonly { readonly name: string; readonly candidates: number; readonly outcome: string }[]
  readonly removed: Readonly<Record<string, number>>
  readonly offsets: Readonly<Record<string, number>>
  readonly model: string
  readonly modelVersion: number
  readonly policyVersion: number
}
