// The records of one view or of one engagement. The same row always gives the same records with the same ids.
import type { VideoSkipped, VideoWatched } from '../../../schemas/generated.ts'
import { completeRatioMin, headIndex, heads, untoldKey, viewLabels } from '../../../schemas/labels.ts'
import { type ImportedEngagement, rowEventId } from './imported-events.ts'
import {
  believedWatchTimeMs,
  type EngagementKind,
  engagementKinds,
  type ImportedRow,
  type LabelHead,
  viewEndMs,
} from './imported-row.ts'

export interface RecordSource {
  /** Part of every event id: rows of different sources never meet. */
  readonly source: string
  /** Creator of a video; `unknownCreator` where nobody knows. */
  creatorOf(videoId: string): string
  /** Heads that the log tells nothing of, as `givenLabels` say it. */
  readonly untold: Readonly<Record<string, boolean>>
}

const replaysMax = 20
const unmeasured = { [untoldKey('watchTime')]: true, [untoldKey('replay')]: true }

/** What the user did, the view's end last: that is when the example is complete. */
export function* viewRecords(
  row: ImportedRow,
  requestId: string,
  from: RecordSource,
  endMs = viewEndMs(row),
): Generator<ImportedEngagement> {
  for (const kind of labelledEngagements) {
    if (row.labels[kind as LabelHead]) yield engagementRecord(row, kind, requestId, from, endMs)
  }
  yield viewEnd(row, requestId, from, endMs)
}

/** In the order in which they come out; a log has no label for saves and reports. */
const labelledEngagements: readonly EngagementKind[] = ['like', 'follow', 'comment', 'share', 'notInterested']

export function isEngagement(meaning: string): meaning is EngagementKind {
  return (engagementKinds as readonly string[]).includes(meaning)
}

export function engagementRecord(
  row: ImportedRow,
  kind: EngagementKind,
  requestId: string,
  from: RecordSource,
  eventTimeMs: number,
): ImportedEngagement {
  const about = (type: string) => aboutRow(row, type, requestId, from, eventTimeMs)
  const withdrawn = false
  switch (kind) {
    case 'like':
      return { type: 'VideoLiked', ...about('VideoLiked'), withdrawn }
    case 'follow': {
      const creatorId = from.creatorOf(row.videoId)
      return { type: 'CreatorFollowed', ...about('CreatorFollowed'), creatorId, withdrawn }
    }
    case 'comment': {
      const shared = about('VideoCommented')
      return { type: 'VideoCommented', ...shared, commentId: shared.eventId, text: '', withdrawn }
    }
    case 'share':
      return { type: 'VideoShared', ...about('VideoShared'), channel: null, withdrawn }
    case 'save':
      return { type: 'VideoSaved', ...about('VideoSaved'), withdrawn }
    case 'notInterested':
      return { type: 'NotInterested', ...about('NotInterested'), reason: null, withdrawn }
    case 'report':
      return { type: 'VideoReported', ...about('VideoReported'), reason: '', withdrawn }
  }
}

/** Without a watch time neither it nor what it would tell is a label: durationMs 0 gives no ratio. */
function viewEnd(row: ImportedRow, requestId: string, from: RecordSource, endMs: number): VideoWatched | VideoSkipped {
  const measured = row.watchTimeMs !== null
  const watchTimeMs = believedWatchTimeMs(row)
  const durationMs = measured ? row.durationMs : 0
  const givenLabels = { ...from.untold, ...(measured ? {} : unmeasured), ...givenBy(row.labels) }
  // Without a duration nothing says that it was cut short.
  const skipped = watchTimeMs < durationMs && !(row.labels.longView ?? longViewOf(watchTimeMs, durationMs))
  if (skipped) {
    const about = aboutRow(row, 'VideoSkipped', requestId, from, endMs)
    return { type: 'VideoSkipped', ...about, watchTimeMs, durationMs, givenLabels }
  }
  const ratio = durationMs > 0 ? watchTimeMs / durationMs : 0
  return {
    type: 'VideoWatched',
    ...aboutRow(row, 'VideoWatched', requestId, from, endMs),
    watchTimeMs,
    durationMs,
    completed: measured ? ratio >= completeRatioMin : row.labels.complete === true,
    replays: Math.min(replaysMax, Math.max(0, Math.floor(ratio) - 1)),
    givenLabels,
  }
}

function givenBy(labels: ImportedRow['labels']): Record<string, boolean> {
  const given: Record<string, boolean> = {}
  for (const [head, label] of Object.entries(labels)) {
    if (label === null) given[untoldKey(head as LabelHead)] = true
    else given[head] = label
  }
  return given
}

const derived = new Float32Array(heads.length)

function longViewOf(watchTimeMs: number, durationMs: number): boolean {
  viewLabels({ watchTimeMs, durationMs, replays: 0 }, derived)
  return derived[headIndex.longView] === 1
}

function aboutRow(row: ImportedRow, type: string, requestId: string, from: RecordSource, eventTimeMs: number) {
  const { userId, videoId } = row
  const eventId = rowEventId(from.source, row, type)
  return { eventId, eventTimeMs, receivedTimeMs: eventTimeMs, userId, videoId, requestId, position: 0 }
}
