// What the routes are given, and the limits they keep.
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { ServingShard } from '../shard.ts'
import type { EventIntake } from './event-intake.ts'
import type { FeedService } from './feed-service.ts'
import type { GatewayMetrics } from './gateway-metrics.ts'
import type { RequestOwners } from './request-owners.ts'
import type { UserLog } from './user-log.ts'

export interface GatewayLimits {
  /** How long a page waits for its record before it goes out flagged. */
  readonly servedDeadlineMs: number
  readonly shardDeadlineMs: number
  readonly appendDeadlineMs: number
  readonly feedsInFlightMax: number
  readonly appendsInFlightMax: number
  /** Page records waiting for a log that is away; about 10 KB each. */
  readonly servedWaitingMax: number
  /** Users whose own writes are remembered. */
  readonly usersRememberedMax: number
  readonly requestsRememberedMax: number
  readonly streamsMax: number
  readonly streamPingMs: number
  /** Unsent bytes of one socket above which nothing more is pushed or read. */
  readonly streamBufferedBytesMax: number
  /** How long closing waits for what is in flight. */
  readonly closeMs: number
}

export const defaultLimits: GatewayLimits = {
  servedDeadlineMs: 20,
  shardDeadlineMs: 2_000,
  appendDeadlineMs: 10_000,
  feedsInFlightMax: 256,
  appendsInFlightMax: 256,
  servedWaitingMax: 10_000,
  usersRememberedMax: 100_000,
  requestsRememberedMax: 100_000,
  streamsMax: 1_000,
  streamPingMs: 30_000,
  streamBufferedBytesMax: 1 << 20,
  closeMs: 10_000,
}

export const bodyBytesMax = 1 << 20
export const eventsPerBatchMax = 1_000

export interface Readiness {
  readonly ready: boolean
  readonly waitingFor?: readonly string[]
}

export interface RouteContext {
  readonly runtime: Runtime
  readonly shards: (userId: string) => ServingShard
  readonly everyShard: () => readonly ServingShard[]
  readonly userLog: UserLog
  readonly intake: EventIntake
  readonly feeds: FeedService
  readonly owners: RequestOwners
  readonly metrics: GatewayMetrics
  readonly limits: GatewayLimits
}
