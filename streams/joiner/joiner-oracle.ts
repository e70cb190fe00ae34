// The joiner again, the slow and plain way, as an oracle for tests: for each shown entry it walks over all records in
// order, and it says what the labels of the entry are in the end and whether it gave an example at all.

import type { FeedServed, InteractionsRecord, VideoSkipped, VideoWatched } from '../../schemas/generated.ts'
import { exampleId } from '../../schemas/ids.ts'
import { heads } from '../../schemas/labels.ts'

type Act = Exclude<InteractionsRecord, { type: 'FeedServed' | 'InterestsReset' | 'Tick' }>

const dayMs = 86_400_000

/** Final labels by exampleId, as JSON with null for unknown. All pages live, within a day, none evicted. */
export function expectedLabels(records: readonly InteractionsRecord[], windowMs: number): Map<string, string> {
  const distinct = records.filter(
    (record, index) =>
      record.type === 'Tick' ||
      !records.slice(0, index).some((earlier) => earlier.type !== 'Tick' && earlier.eventId === record.eventId),
  )
  const expected = new Map<string, string>()
  for (const [pageIndex, page] of distinct.entries()) {
    if (page.type !== 'FeedServed' || page.featureSet === '') continue
    if (
      distinct.slice(0, pageIndex).some((other) => other.type === 'FeedServed' && other.requestId === page.requestId)
    ) {
      continue
    }
    for (const entry of page.entries) {
      const labels = entryStory(distinct, page, entry.position, windowMs)
      if (labels) expected.set(exampleId(page.requestId, entry.position, 'last-served'), JSON.stringify(labels))
    }
  }
  return expected
}

function entryStory(
  records: readonly InteractionsRecord[],
  page: FeedServed,
  position: number,
  windowMs: number,
): (number | null)[] | null {
  const acts: Act[] = []
  let windowEndsMs = Number.POSITIVE_INFINITY
  let given = false
  let nowMs = Number.NEGATIVE_INFINITY
  for (const [index, record] of records.entries()) {
    nowMs = Math.max(nowMs, record.receivedTimeMs)
    if (!given && nowMs >= windowEndsMs) {
      windowEndsMs = Number.POSITIVE_INFINITY
      given = holds(acts)
    }
    if (record.type === 'Tick' || record.type === 'FeedServed' || record.type === 'InterestsReset') continue
    if (!isAbout(records.slice(0, index), record, page, position)) continue
    if (record.eventTimeMs > page.eventTimeMs + dayMs) continue
    acts.push(record)
    if (given) continue
    if (viewOf(acts)) given = true
    else if (holds(acts)) windowEndsMs = Math.min(windowEndsMs, nowMs + windowMs)
  }
  return given ? labelsOf(acts) : null
}

function isAbout(before: readonly InteractionsRecord[], act: Act, page: FeedServed, position: number): boolean {
  const pages = before.filter((record): record is FeedServed => record.type === 'FeedServed')
  const known = pages.filter((other, index) => pages.findIndex((one) => one.requestId === other.requestId) === index)
  const own = known.filter((other) => other.userId === act.userId)
  const placeIn = (other: FeedServed): number | undefined => {
    const named = other.entries.find((entry) => entry.position === act.position)
    if (act.requestId !== null && named && (act.videoId === null || named.videoId === act.videoId))
      return named.position
    return other.entries.find((entry) => entry.videoId === act.videoId)?.position
  }
  if (act.requestId !== null) {
    const named = own.find((other) => other.requestId === act.requestId)
    return named?.requestId === page.requestId && placeIn(named) === position
  }
  const showing = own.filter((other) => placeIn(other) !== undefined)
  const newestFirst = showing.toReversed().sort((left, right) => right.eventTimeMs - left.eventTimeMs)
  const oldestFirst = showing.toSorted((left, right) => left.eventTimeMs - right.eventTimeMs)
  const chosen =
    newestFirst.find((other) => other.eventTimeMs <= act.eventTimeMs) ??
    oldestFirst.find((other) => other.eventTimeMs <= act.eventTimeMs + 300_000)
  return chosen?.requestId === page.requestId && placeIn(chosen) === position
}

function viewOf(acts: readonly Act[]): VideoWatched | VideoSkipped | null {
  const views = acts.filter((act) => act.type === 'VideoWatched' || act.type === 'VideoSkipped')
  return views.toSorted((left, right) => right.watchTimeMs - left.watchTimeMs)[0] ?? null
}

/** Of the acts of one type (comments: of one commentId) the newest by event time stands, of equals the last. */
function standing(acts: readonly Act[], type: Act['type']): boolean {
  const ofType = acts.filter((act) => act.type === type)
  const keys = new Set(ofType.map((act) => (act.type === 'VideoCommented' ? act.commentId : '')))
  return [...keys].some((key) => {
    const same = ofType.filter((act) => (act.type === 'VideoCommented' ? act.commentId : '') === key)
    const newest = same.toReversed().sort((left, right) => right.eventTimeMs - left.eventTimeMs)[0]!
    return 'withdrawn' in newest && !newest.withdrawn
  })
}

function holds(acts: readonly Act[]): boolean {
  return acts.some((act) => standing(acts, act.type))
}

function labelsOf(acts: readonly Act[]): (number | null)[] {
  const view = viewOf(acts)
  const ratio = view && view.durationMs > 0 ? view.watchTimeMs / view.durationMs : null
  const long = view && Math.min(18_000, view.durationMs)
  const derived: Record<string, number | null> = {
    complete: ratio === null ? null : Number(ratio >= 0.95),
    longView: ratio === null || view === null ? null : Number(view.watchTimeMs >= long!),
    replay: view === null ? null : Number(view.type === 'VideoWatched' && view.replays > 0),
    like: Number(standing(acts, 'VideoLiked')),
    share: Number(standing(acts, 'VideoShared')),
    comment: Number(standing(acts, 'VideoCommented')),
    follow: Number(standing(acts, 'CreatorFollowed')),
    earlySkip: ratio === null || view === null ? null : Number(view.watchTimeMs < 2_000 && ratio < 0.5),
    notInterested: Number(standing(acts, 'NotInterested') || standing(acts, 'VideoReported')),
    watchTime: view === null ? null : Math.fround(Math.log1p(Math.min(view.watchTimeMs, 120_000) / 1_000)),
  }
  return heads.map((head) => {
    const givenLabel = view?.givenLabels[head]
    if (givenLabel !== undefined && head !== 'watchTime') return Number(givenLabel)
    const engaged = engagedHeads.has(head) && derived[head] === 1
    return view?.givenLabels[`${head}?`] && !engaged ? null : derived[head]!
  })
}

const engagedHeads: ReadonlySet<string> = new Set(['like', 'share', 'comment', 'follow', 'notInterested'])
