// How much a view holds: everything it keeps has a bound here, and what goes over it is stated with the bound.

export interface ViewLimits {
  /** Videos known; a publication beyond is refused and counted. */
  readonly videosMax: number
  /** Videos that are known only because someone acted on them. */
  readonly unpublishedMax: number
  /** Newest videos kept per topic and per creator. */
  readonly videosPerTopicMax: number
  readonly videosPerCreatorMax: number
  /** Users resident; the least recently active leaves. */
  readonly usersMax: number
  /** Videos a user has seen; the first seen are forgotten. */
  readonly seenMax: number
  readonly followsMax: number
  readonly topicsMax: number
  readonly lessOfMax: number
  readonly sessionsPerUserMax: number
  readonly pagesPerSessionMax: number
  /** Pages kept whole, for cursors asked again and for explanations; the oldest is forgotten. */
  readonly pagesMax: number
  readonly freshMax: number
  readonly trendingMax: number
  readonly trendingRegionsMax: number
  readonly policyVersionsMax: number
  /** Count rows of each table kept at hand; at the bound they are read afresh. */
  readonly countRowsCachedMax: number
}

export const defaultViewLimits: ViewLimits = {
  videosMax: 1_000_000,
  unpublishedMax: 100_000,
  videosPerTopicMax: 4_000,
  videosPerCreatorMax: 2_000,
  usersMax: 50_000,
  seenMax: 50_000,
  followsMax: 5_000,
  topicsMax: 256,
  lessOfMax: 128,
  sessionsPerUserMax: 8,
  pagesPerSessionMax: 200,
  pagesMax: 5_000,
  freshMax: 5_000,
  trendingMax: 300,
  trendingRegionsMax: 24,
  policyVersionsMax: 64,
  countRowsCachedMax: 200_000,
}
