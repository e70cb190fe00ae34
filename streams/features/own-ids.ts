// Row ids of what a user or a video is, computed once per fact object: reading them again costs one look-up.
import { crossRowId, type RowId, rowId } from '../../schemas/ids.ts'
import type { UserFacts, VideoFacts } from './feature.ts'

/** Hashtags of a video beyond this are not features. */
export const topicsMax = 6

const topicsByVideo = new WeakMap<VideoFacts, readonly string[]>()

/** What a video is about: `category:x` where it has a category, then its hashtags; distinct, at most topicsMax. */
export function topicsOf(video: VideoFacts): readonly string[] {
  let topics = topicsByVideo.get(video)
  if (!topics) {
    topics = topicNames(video.hashtags, video.category)
    topicsByVideo.set(video, topics)
  }
  return topics
}

function topicNames(hashtags: readonly string[], category: string | null): readonly string[] {
  const names = new Set<string>()
  if (category !== null) names.add(`category:${category}`)
  for (const hashtag of hashtags) if (hashtag !== '') names.add(hashtag)
  return [...names].slice(0, topicsMax)
}

/** Row ids of `facts` under `slot`; `texts` is asked only the first time. */
export function ownIds<Facts extends UserFacts | VideoFacts>(
  facts: Facts,
  slot: string,
  texts: (facts: Facts) => readonly string[],
): RowId[] {
  let ids = facts.rowIdsBySlot.get(slot)
  if (!ids) {
    ids = texts(facts).map((text) => rowId(slot, text))
    facts.rowIdsBySlot.set(slot, ids)
  }
  return ids
}

export const userIds = (user: UserFacts): RowId[] => ownIds(user, 'user', (facts) => [facts.userId])
export const videoIds = (video: VideoFacts): RowId[] => ownIds(video, 'video', (facts) => [facts.videoId])
export const creatorIds = (video: VideoFacts): RowId[] => ownIds(video, 'creator', (facts) => [facts.creatorId])
export const soundIds = (video: VideoFacts): RowId[] => ownIds(video, 'sound', soundText)
export const hashtagIds = (video: VideoFacts): RowId[] => ownIds(video, 'hashtags', topicsOf)
export const durationBandIds = (video: VideoFacts): RowId[] =>
  ownIds(video, 'durationBand', (facts) => [String(durationBand(facts.durationMs))])

function soundText(video: VideoFacts): readonly string[] {
  return video.soundId === null ? [] : [video.soundId]
}

/** Quarter octaves of the duration: round(4 log2(1 + seconds)). */
export function durationBand(durationMs: number): number {
  return Math.round(4 * Math.log2(1 + Math.max(0, durationMs) / 1_000))
}

/** Ids of the video's own ids crossed with one page-side id, remembered on the video under `cacheKey`. */
export function crossedIds(
  video: VideoFacts,
  slot: string,
  cacheKey: string,
  own: readonly RowId[],
  right: RowId,
): RowId[] {
  let ids = video.rowIdsBySlot.get(cacheKey)
  if (!ids) {
    ids = own.map((left) => crossRowId(slot, left, right))
    video.rowIdsBySlot.set(cacheKey, ids)
  }
  return ids
}

/** Row of a video's running popularity in a region, in the table `trends`. */
export function trendRowId(region: string, videoId: string): RowId {
  return crossRowId('regionXvideo', rowId('region', region), rowId('video', videoId))
}
