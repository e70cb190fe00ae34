// What the population counts while it swipes, and the report made of it.
import type { World } from './tastes.ts'

export interface PopulationReport {
  readonly users: number
  readonly elapsedSeconds: number
  readonly eventsSent: number
  readonly eventsAccepted: number
  readonly eventsDuplicate: number
  readonly eventsRejected: number
  /** Rejections by code; `http-<status>` and `no-reply` where a whole request failed. */
  readonly rejections: Readonly<Record<string, number>>
  readonly eventsPerSecond: number
  readonly pages: number
  readonly emptyPages: number
  readonly videosShown: number
  /** Times a video was shown to a user it had been shown to before. */
  readonly repeats: number
  /** Feed requests that failed. */
  readonly feedFailures: number
  /** Feed requests as the client sees them. */
  readonly latencyMs: { readonly p50: number; readonly p99: number }
  readonly affinity: {
    /** Mean true affinity over each user's first and last 10 videos shown. */
    readonly first: number
    readonly last: number
    readonly random: number
    readonly oracle: number
  }
  /** (last - random) / (oracle - random): 0 is showing at random, 1 is knowing the tastes. */
  readonly lift: number
}

const windowVideos = 10

export interface EventOutcome {
  readonly accepted: number
  readonly duplicates: number
  readonly rejectedCodes: readonly string[]
}

export class Tally {
  private readonly world: World
  private readonly shownByUser: Map<string, { affinities: number[]; videos: Set<string> }> = new Map()
  private readonly rejectionByCode = new Map<string, number>()
  private readonly latenciesMs: number[] = []
  private sent = 0
  private accepted = 0
  private duplicates = 0
  private rejected = 0
  private pages = 0
  private emptyPages = 0
  private shown = 0
  private repeats = 0
  private feedFailures = 0

  constructor(world: World) {
    this.world = world
  }

  page(entries: number, latencyMs: number): void {
    this.pages++
    if (entries === 0) this.emptyPages++
    this.latenciesMs.push(latencyMs)
  }

  feedFailed(): void {
    this.feedFailures++
  }

  videoShown(userId: string, videoId: string, affinity: number): void {
    let known = this.shownByUser.get(userId)
    if (!known) {
      known = { affinities: [], videos: new Set() }
      this.shownByUser.set(userId, known)
    }
    this.shown++
    if (known.videos.has(videoId)) this.repeats++
    known.videos.add(videoId)
    if (!Number.isNaN(affinity)) known.affinities.push(affinity)
  }

  eventsPosted(sent: number, outcome: EventOutcome): void {
    this.sent += sent
    this.accepted += outcome.accepted
    this.duplicates += outcome.duplicates
    this.rejected += outcome.rejectedCodes.length
    for (const code of outcome.rejectedCodes) {
      this.rejectionByCode.set(code, (this.rejectionByCode.get(code) ?? 0) + 1)
    }
  }

  report(elapsedSeconds: number): PopulationReport {
    const { randomAffinity: random, oracleAffinity: oracle } = this.world
    const histories = [...this.shownByUser.values()].map((user) => user.affinities).filter((all) => all.length > 0)
    const first = mean(histories.map((all) => mean(all.slice(0, windowVideos))))
    const last = mean(histories.map((all) => mean(all.slice(-windowVideos))))
    const sorted = Float64Array.from(this.latenciesMs).sort()
    return {
      users: this.world.users,
      elapsedSeconds,
      eventsSent: this.sent,
      eventsAccepted: this.accepted,
      eventsDuplicate: this.duplicates,
      eventsRejected: this.rejected,
      rejections: Object.fromEntries([...this.rejectionByCode].sort()),
      eventsPerSecond: elapsedSeconds > 0 ? this.accepted / elapsedSeconds : 0,
      pages: this.pages,
      emptyPages: this.emptyPages,
      videosShown: this.shown,
      repeats: this.repeats,
      feedFailures: this.feedFailures,
      latencyMs: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
      affinity: { first, last, random, oracle },
      lift: histories.length === 0 || oracle <= random ? 0 : (last - random) / (oracle - random),
    }
  }
}

/** Nearest rank; 0 of nothing. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
