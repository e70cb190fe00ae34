// Users with known tastes: how much each would like each video is a fixed function of the seed and the catalog, so that
// what a feed achieves can be measured against what was possible.
import { mix32, type SeededRandom, seededRandom } from './seeded-random.ts'

export interface CatalogVideo {
  readonly videoId: string
  readonly creatorId: string
  readonly hashtags: readonly string[]
  /** 0: unknown. */
  readonly durationMs: number
}

export interface World {
  readonly users: number
  /** True affinity of a user to a video in [0, 1]; NaN for a video that is not in the catalog. */
  affinity(userIndex: number, videoId: string): number
  /** Mean affinity over the whole catalog, averaged over users: what showing videos at random gives. */
  readonly randomAffinity: number
  /** Mean affinity of each user's best videos, averaged over users: what knowing the tastes gives. */
  readonly oracleAffinity: number
}

/** How many of a user's best videos the oracle shows. */
export const oracleVideos = 30

// Log-odds. An indifferent video is liked with about 0.25, a loved one with about 0.85.
const baseOdds = -1.1
const lovedOdds = 2.8
const hatedOdds = -2.5
const indifferenceSpread = 0.3
const creatorSpread = 0.5
const appealSpread = 0.5
const durationPenaltyMax = 0.8
const hatedShare = 0.1

/** Deterministic: equal seeds, user counts and catalogs are equal worlds. O(users x videos). */
export function worldOf(options: { seed: number; users: number; catalog: readonly CatalogVideo[] }): World {
  const { seed, users, catalog } = options
  if (catalog.length === 0) throw new RangeError('a world needs a catalog of at least one video')
  const hashtags = [...new Set(catalog.flatMap((video) => video.hashtags))].sort()
  const tagIndex = new Map(hashtags.map((tag, index) => [tag, index]))
  const videos = catalog.map((video) => ({
    tags: video.hashtags.map((tag) => tagIndex.get(tag)!),
    creatorHash: textHash(video.creatorId),
    appeal: signed(mix32(seed, textHash(video.videoId))) * appealSpread,
    logDuration: video.durationMs > 0 ? Math.log(video.durationMs) : null,
  }))
  const videoIndexById = new Map(catalog.map((video, index) => [video.videoId, index]))
  const videosByTag = tagCounts(videos, hashtags.length)
  const tastes = Array.from({ length: users }, (_, user) => tasteOf(seed, user, videosByTag))

  const affinityAt = (user: number, video: number): number => {
    const { tagOdds, creatorSeed, logDuration } = tastes[user]!
    const facts = videos[video]!
    let odds = baseOdds + facts.appeal + signed(mix32(creatorSeed, facts.creatorHash)) * creatorSpread
    let best = 0
    let worst = 0
    for (const tag of facts.tags) {
      best = Math.max(best, tagOdds[tag]!)
      worst = Math.min(worst, tagOdds[tag]!)
    }
    odds += best + worst
    if (facts.logDuration !== null)
      odds -= Math.min(durationPenaltyMax, 0.4 * Math.abs(facts.logDuration - logDuration))
    return 1 / (1 + Math.exp(-odds))
  }

  let randomSum = 0
  let oracleSum = 0
  const row = new Float64Array(videos.length)
  for (let user = 0; user < users; user++) {
    for (let video = 0; video < videos.length; video++) row[video] = affinityAt(user, video)
    row.sort()
    randomSum += mean(row)
    oracleSum += mean(row.subarray(Math.max(0, row.length - oracleVideos)))
  }
  return {
    users,
    affinity(userIndex, videoId) {
      const video = videoIndexById.get(videoId)
      return video === undefined ? Number.NaN : affinityAt(userIndex, video)
    },
    randomAffinity: randomSum / users,
    oracleAffinity: oracleSum / users,
  }
}

interface Taste {
  readonly tagOdds: Float64Array
  readonly creatorSeed: number
  readonly logDuration: number
}

function tasteOf(seed: number, user: number, videosByTag: Float64Array): Taste {
  const random = seededRandom(seed, user + 1)
  const tagOdds = new Float64Array(videosByTag.length)
  for (let tag = 0; tag < tagOdds.length; tag++) {
    tagOdds[tag] = random.chance(hatedShare) ? hatedOdds : random.between(-indifferenceSpread, indifferenceSpread)
  }
  // Popular topics are loved by more people, but not in proportion: small circles exist.
  const weights = videosByTag.map(Math.sqrt)
  const loved = 3 + random.below(3)
  for (let count = 0; count < Math.min(loved, tagOdds.length); count++) tagOdds[draw(weights, random)] = lovedOdds
  return {
    tagOdds,
    creatorSeed: mix32(seed ^ 0x5bd1e995, user),
    logDuration: Math.log(random.between(6_000, 60_000)),
  }
}

/** Draws an index by weight and takes it out. */
function draw(weights: Float64Array, random: SeededRandom): number {
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0)
  let index = 0
  while (index < weights.length - 1 && left >= weights[index]!) left -= weights[index++]!
  weights[index] = 0
  return index
}

function tagCounts(videos: readonly { tags: readonly number[] }[], tags: number): Float64Array {
  const counts = new Float64Array(tags)
  for (const video of videos) for (const tag of video.tags) counts[tag] = counts[tag]! + 1
  return counts
}

function textHash(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mix32(hash, text.length)
}

/** Uniform in [-1, 1) of 32 bits. */
function signed(bits: number): number {
  return bits / 2 ** 31 - 1
}

function mean(values: Float64Array): number {
  let sum = 0
  for (let index = 0; index < values.length; index++) sum += values[index]!
  return sum / values.length
}
