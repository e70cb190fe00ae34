// How well a user and a video were known when an impression was shown, by what was shown and done before it.

export interface Familiarity {
  readonly userImpressionsBefore: number
  readonly videoImpressionsBefore: number
  /** Since the user was last shown something or did something; Infinity where that never was. */
  readonly sinceUserSeenMs: number
}

export class FamiliarityLedger {
  readonly #impressionsByUser = new Map<string, number>()
  readonly #impressionsByVideo = new Map<string, number>()
  readonly #seenMsByUser = new Map<string, number>()

  /** Answers for the impression, then counts it. */
  shown(userId: string, videoId: string, timeMs: number): Familiarity {
    const userImpressionsBefore = this.#impressionsByUser.get(userId) ?? 0
    const videoImpressionsBefore = this.#impressionsByVideo.get(videoId) ?? 0
    const sinceUserSeenMs = timeMs - (this.#seenMsByUser.get(userId) ?? Number.NEGATIVE_INFINITY)
    this.#impressionsByUser.set(userId, userImpressionsBefore + 1)
    this.#impressionsByVideo.set(videoId, videoImpressionsBefore + 1)
    this.acted(userId, timeMs)
    return { userImpressionsBefore, videoImpressionsBefore, sinceUserSeenMs }
  }

  acted(userId: string, timeMs: number): void {
    const seenMs = this.#seenMsByUser.get(userId)
    if (seenMs === undefined || timeMs > seenMs) this.#seenMsByUser.set(userId, timeMs)
  }
}
