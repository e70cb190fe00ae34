// A user's recent videos, newest first and bounded, folded from `interactions`; serving and imports fold the same way.
import type { InteractionsRecord, VideoSkipped, VideoWatched } from '../../schemas/generated.ts'
import { headIndex, heads, viewLabels } from '../../schemas/labels.ts'
import type { HistoryEntry, UserHistory, VideoFacts } from './feature.ts'
import { topicsOf } from './own-ids.ts'

export const historyEntriesMax = 64
export const emptyHistory: UserHistory = { recent: [] }

/**
 * History after one event of the user. `video` is what the event's video is, null where unknown. The history given is
 * never changed; one to which the event adds nothing comes back as it is. An entry's hashtags include `category:x`.
 */
export function foldHistory(history: UserHistory, event: InteractionsRecord, video: VideoFacts | null): UserHistory {
  switch (event.type) {
    case 'VideoWatched':
    case 'VideoSkipped':
      return withView(history, event, video)
    case 'VideoLiked':
      return withFlag(history, event, video, { liked: !event.withdrawn })
    case 'NotInterested':
    case 'VideoReported':
      return withFlag(history, event, video, { notInterested: !event.withdrawn })
    case 'InterestsReset':
      return history.recent.length === 0 ? history : emptyHistory
    default:
      return history
  }
}

/** The newest view of a video stands; it brings the entry to the time of that view. */
function withView(history: UserHistory, event: VideoWatched | VideoSkipped, video: VideoFacts | null): UserHistory {
  const known = history.recent.find((entry) => entry.videoId === event.videoId)
  if (known && known.eventTimeMs > event.eventTimeMs) return history
  const base = known ?? newEntry(event.videoId, event.eventTimeMs, video)
  return placed(history, { ...base, ...viewPart(event), eventTimeMs: event.eventTimeMs })
}

function viewPart(event: VideoWatched | VideoSkipped): Pick<HistoryEntry, 'watchRatio' | 'completed' | 'earlySkip'> {
  const { watchTimeMs, durationMs, givenLabels } = event
  const labels = new Float32Array(heads.length)
  viewLabels({ watchTimeMs, durationMs, replays: event.type === 'VideoWatched' ? event.replays : 0 }, labels)
  return {
    watchRatio: durationMs > 0 ? Math.min(2, Math.max(0, watchTimeMs / durationMs)) : 0,
    completed: givenLabels.complete ?? labels[headIndex.complete] === 1,
    earlySkip: givenLabels.earlySkip ?? labels[headIndex.earlySkip] === 1,
  }
}

/** Flags the video's entry where it stands; a video without one gets one, unless the event takes something back. */
function withFlag(
  history: UserHistory,
  event: { readonly videoId: string; readonly eventTimeMs: number; readonly withdrawn: boolean },
  video: VideoFacts | null,
  flag: Partial<Pick<HistoryEntry, 'liked' | 'notInterested'>>,
): UserHistory {
  const known = history.recent.find((entry) => entry.videoId === event.videoId)
  if (!known && event.withdrawn) return history
  return placed(history, { ...(known ?? newEntry(event.videoId, event.eventTimeMs, video)), ...flag })
}

function newEntry(videoId: string, eventTimeMs: number, video: VideoFacts | null): HistoryEntry {
  return {
    videoId,
    creatorId: video?.creatorId ?? null,
    hashtags: video ? topicsOf(video) : [],
    soundId: video?.soundId ?? null,
    eventTimeMs,
    watchRatio: 0,
    completed: false,
    earlySkip: false,
    liked: false,
    notInterested: false,
  }
}

/** With `entry` in place of the one of its video, by event time; of equal times the later change comes first. */
function placed(history: UserHistory, entry: HistoryEntry): UserHistory {
  const recent = history.recent.filter((other) => other.videoId !== entry.videoId)
  const place = recent.findIndex((other) => other.eventTimeMs <= entry.eventTimeMs)
  recent.splice(place < 0 ? recent.length : place, 0, entry)
  return { recent: recent.slice(0, historyEntriesMax) }
}
