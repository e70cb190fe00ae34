// What is known of a video, folded from the records of `videos`.
import type { VideoPublished, VideosRecord } from '../../schemas/generated.ts'
import { projectContent } from './content-projection.ts'
import type { VideoFacts } from './feature.ts'

/**
 * Facts after one record of the video. Null before it is published: an embedding that comes earlier must be given again.
 * Moderation and takedown are no facts of the content and change nothing here.
 */
export function foldVideoFacts(known: VideoFacts | null, record: VideosRecord): VideoFacts | null {
  if (record.type === 'VideoPublished') return videoFacts(record, known)
  if (known === null) return null
  if (record.type === 'VideoEmbedded') {
    const content = projectContent(record.embedding)
    return content === null ? known : { ...known, content, rowIdsBySlot: new Map() }
  }
  if (record.type === 'VideoTranscoded' && known.durationMs === 0 && record.durationMs > 0) {
    return { ...known, durationMs: record.durationMs, rowIdsBySlot: new Map() }
  }
  return known
}

/** Facts of a published video. One published again keeps when it was first, and its embedding where none is given. */
export function videoFacts(record: VideoPublished, before: VideoFacts | null = null): VideoFacts {
  return {
    videoId: record.videoId,
    creatorId: record.creatorId,
    durationMs: record.durationMs,
    soundId: record.soundId,
    hashtags: hashtagNames(record.hashtags),
    category: record.category,
    language: record.language,
    region: record.region,
    publishedTimeMs: before?.publishedTimeMs ?? record.eventTimeMs,
    content: projectContent(record.embedding) ?? before?.content ?? null,
    attributes: record.attributes,
    rowIdsBySlot: new Map(),
  }
}

/** Distinct, in lower case, without the leading #. */
export function hashtagNames(hashtags: readonly string[]): string[] {
  const names = hashtags.map((hashtag) => hashtag.trim().replace(/^#+/, '').toLowerCase())
  return [...new Set(names)].filter((name) => name !== '')
}
