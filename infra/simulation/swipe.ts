// What a user does with one video, drawn from how much they like it: the events of one swipe, the view's end last.
import type { SeededRandom } from './seeded-random.ts'

export interface ShownVideo {
  readonly userId: string
  readonly videoId: string
  readonly creatorId: string
  readonly requestId: string
  readonly position: number
  /** 0: unknown. */
  readonly durationMs: number
}

/** Body of one event as `POST /v1/events` takes it. */
export type SwipeEvent = Readonly<Record<string, string | number | boolean>> & { readonly type: string }

const unknownDurationMs = 15_000
const replayChance = 0.3

/**
 * Events in the order they happen. The less the video is liked, the likelier a skip under two seconds; the more, the
 * likelier it is watched to the end, again, liked and shared.
 */
export function swipe(shown: ShownVideo, affinity: number, random: SeededRandom): SwipeEvent[] {
  const { userId, videoId, requestId, position } = shown
  const durationMs = shown.durationMs > 0 ? shown.durationMs : unknownDurationMs
  const about = { userId, videoId, requestId, position }
  const dislike = 1 - affinity
  const events: SwipeEvent[] = []
  if (random.chance(0.8 * dislike ** 2)) {
    const watchTimeMs = Math.min(Math.round(random.between(200, 1_900)), durationMs - 1)
    if (affinity < 0.15 && random.chance(0.06)) events.push({ type: 'NotInterested', ...about })
    events.push({ type: 'VideoSkipped', ...about, watchTimeMs, durationMs })
    return events
  }
  const completed = random.chance(affinity)
  const ratio = completed ? 1 : 0.1 + 0.8 * random.next() ** (1 + dislike)
  const replays = completed && random.chance(replayChance * affinity ** 2) ? 1 : 0
  const watchTimeMs = Math.max(2_000, Math.round(durationMs * (ratio + replays)))
  if (random.chance(0.25 * affinity ** 2)) events.push({ type: 'VideoLiked', ...about })
  if (random.chance(0.04 * affinity ** 3)) events.push({ type: 'VideoShared', ...about })
  if (random.chance(0.04 * affinity ** 3)) events.push({ type: 'VideoSaved', ...about })
  if (random.chance(0.03 * affinity ** 3))
    events.push({ type: 'CreatorFollowed', ...about, creatorId: shown.creatorId })
  if (completed) events.push({ type: 'VideoWatched', ...about, watchTimeMs, durationMs, completed, replays })
  else events.push({ type: 'VideoSkipped', ...about, watchTimeMs, durationMs })
  return events
}
