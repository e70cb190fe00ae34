// An imported log in which nothing but the user tells how a view ends: long views are drawn with a chance of the user's own,
// whatever is shown. Within a user there is nothing to know, so AUC within a user's day is a half.
import type { UserJoined, VideoPublished, VideoWatched } from '../../../schemas/generated.ts'
import { seededRandom } from '../../../streams/runtime/simulated-runtime.ts'
import type { TimelineEvent } from '../import/imported-events.ts'
import type { ImportedFiles } from '../import/imported-files.ts'

export interface EvenWorldOptions {
  readonly users: number
  readonly days: number
  readonly rowsPerDay: number
  readonly videos: number
  readonly seed: number
  /** Whether each user has an attribute that no other has: it names the user as the id does. */
  readonly areDescribed?: boolean
  /** Outcomes that are told instead of what was drawn. */
  readonly isLong?: (userId: string, day: number, drawn: boolean) => boolean
}

export const worldDayMs = 86_400_000
/** A midnight. */
export const worldStartMs = Date.UTC(2026, 0, 5)
const durationMs = 30_000

export interface EvenView {
  readonly userId: string
  readonly videoId: string
  readonly timeMs: number
  readonly isLong: boolean
}

export function evenViews(options: EvenWorldOptions): EvenView[] {
  const { users, days, rowsPerDay, videos, seed, isLong = (_user, _day, drawn) => drawn } = options
  const random = seededRandom(seed)
  const views: EvenView[] = []
  for (let user = 0; user < users; user++) {
    const rate = random()
    const userId = `user ${user}`
    for (let day = 0; day < days; day++) {
      for (let row = 0; row < rowsPerDay; row++) {
        // Squared: some videos are shown far more than others.
        const videoId = `video ${Math.floor(videos * random() ** 2)}`
        const timeMs = worldStartMs + day * worldDayMs + Math.floor(random() * (worldDayMs - 2 * durationMs))
        views.push({ userId, videoId, timeMs, isLong: isLong(userId, day, random() < rate) })
      }
    }
  }
  return views.sort((left, right) => left.timeMs - right.timeMs)
}

export function evenWorld(options: EvenWorldOptions): Pick<ImportedFiles, 'users' | 'videos' | 'timeline'> {
  const events = evenViews(options).flatMap((view, row) => viewEvents(view, row))
  events.sort((left, right) => timeOf(left) - timeOf(right))
  return {
    users: options.areDescribed ? Array.from({ length: options.users }, (_, user) => joined(`user ${user}`)) : [],
    videos: Array.from({ length: options.videos }, (_, video) => published(`video ${video}`)),
    timeline: () => events,
  }
}

export function timeOf(event: TimelineEvent): number {
  return event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
}

function viewEvents({ userId, videoId, timeMs, isLong }: EvenView, row: number): TimelineEvent[] {
  const requestId = `request ${row}`
  const watchTimeMs = isLong ? 25_000 : 3_000
  const eventTimeMs = timeMs + watchTimeMs
  const watched: VideoWatched = {
    type: 'VideoWatched',
    eventId: `watched ${row}`,
    eventTimeMs,
    receivedTimeMs: eventTimeMs,
    userId,
    videoId,
    requestId,
    position: 0,
    watchTimeMs,
    durationMs,
    completed: false,
    replays: 0,
    givenLabels: {},
  }
  return [
    {
      kind: 'impression',
      eventId: `shown ${row}`,
      requestId,
      userId,
      videoId,
      creatorId: creatorOf(videoId),
      surface: 'tab',
      device: null,
      language: null,
      region: null,
      propensity: 1,
      impressionTimeMs: timeMs,
    },
    { kind: 'engagement', record: watched },
  ]
}

function joined(userId: string): UserJoined {
  return {
    type: 'UserJoined',
    eventId: `joined ${userId}`,
    eventTimeMs: worldStartMs,
    receivedTimeMs: worldStartMs,
    userId,
    region: null,
    language: null,
    birthYear: null,
    interests: [],
    attributes: { own: userId },
  }
}

function creatorOf(videoId: string): string {
  return `creator of ${videoId}`
}

function published(videoId: string): VideoPublished {
  return {
    type: 'VideoPublished',
    eventId: `published ${videoId}`,
    eventTimeMs: worldStartMs,
    receivedTimeMs: worldStartMs,
    videoId,
    creatorId: creatorOf(videoId),
    durationMs,
    soundId: null,
    hashtags: ['topic'],
    category: null,
    language: null,
    region: null,
    ageRating: null,
    contentId: null,
    embedding: null,
    attributes: {},
    playback: null,
  }
}
