// Rows of a log made elsewhere as events in event-time order, purely. Imported pages have one entry each: such logs do not
// say which videos shared a page. Ties keep the rows' order; a view's end at the very time of a row comes before it.
import { type ImportedEngagement, type ImportedImpression, rowEventId, type TimelineEvent } from './imported-events.ts'
import { type ImportedRow, type ViewHead, viewEndMs } from './imported-row.ts'
import { TimeHeap } from './time-heap.ts'
import { engagementRecord, isEngagement, type RecordSource, viewRecords } from './view-records.ts'

export interface TimelineOptions extends RecordSource {
  /** Rows that repeat (user, video, time, meaning) are the same events again: `drop` them, or `keep` them. */
  readonly repeats: 'keep' | 'drop'
  /** A log of single events, which are brought together by user and video. Null: every row is a view of its own. */
  readonly events: EventLogOptions | null
}

export interface EventLogOptions {
  /** How long after an impression its view ends, where no row says so. */
  readonly windowMs: number
  /** Labels that single events of this log tell: an impression without them by the end of its window has none of them. */
  readonly toldHeads: readonly ViewHead[]
}

/** An impression of a log of single events, while something may still come of it. */
interface OpenImpression {
  readonly row: ImportedRow
  readonly requestId: string
  readonly seen: Set<ViewHead>
  ended: boolean
}

/** As the joiner: what comes later belongs to no impression that was shown before. */
const attributionMs = 24 * 3_600_000
const sweepEveryRows = 50_000

/** The rows by time, stably; themselves where they are so already. */
export function inTimeOrder<Row extends { readonly timeMs: number }>(rows: readonly Row[]): readonly Row[] {
  for (let index = 1; index < rows.length; index++) {
    if (rows[index]!.timeMs < rows[index - 1]!.timeMs) return [...rows].sort((a, b) => a.timeMs - b.timeMs)
  }
  return rows
}

/** Rows in time order, repeats of (user, video, time, meaning) dropped, or kept as the first of them: it has the say. */
export function* repeatedRows(rows: Iterable<ImportedRow>, repeats: 'keep' | 'drop'): Generator<ImportedRow> {
  const seen = new Map<string, ImportedRow>()
  let seenTimeMs = Number.NaN
  for (const row of rows) {
    if (row.timeMs !== seenTimeMs) seen.clear()
    seenTimeMs = row.timeMs
    const key = `${row.meaning}\n${pairKey(row)}`
    const first = seen.get(key)
    if (!first) seen.set(key, row)
    if (!first || repeats === 'keep') yield first ?? row
  }
}

/** Rows may come in any order. Every row comes out as its impression, where it has one of its own, and what was done. */
export function* importedTimeline(rows: readonly ImportedRow[], options: TimelineOptions): Generator<TimelineEvent> {
  const ordered = inTimeOrder(rows)
  const pending = new TimeHeap<() => Iterable<ImportedEngagement>>()
  const openByPair = new Map<string, OpenImpression>()
  let sequence = 0
  for (const row of repeatedRows(ordered, options.repeats)) {
    while (pending.size > 0 && pending.earliestMs <= row.timeMs) yield* engagements(pending.pop()())
    const { events } = options
    if (events === null) {
      const requestId = rowEventId(options.source, row, 'request')
      yield impression(row, requestId, options)
      pending.push(viewEndMs(row), sequence++, () => viewRecords(row, requestId, options))
      continue
    }
    if (++sequence % sweepEveryRows === 0) forgetOld(openByPair, row.timeMs)
    let open = openByPair.get(pairKey(row))
    const fresh = row.meaning === 'impression' || !open || open.row.timeMs < row.timeMs - attributionMs
    if (fresh || (row.meaning === 'view' && open?.ended)) {
      const requestId = rowEventId(options.source, row, 'request')
      const shown = { row, requestId, seen: new Set<ViewHead>(), ended: false }
      yield impression(row, requestId, options)
      openByPair.set(pairKey(row), shown)
      if (events.toldHeads.length > 0) {
        pending.push(row.timeMs + events.windowMs, sequence, () => closedWindow(shown, events, options))
      }
      open = shown
    }
    const shown = open!
    const { meaning } = row
    if (meaning === 'view') {
      shown.ended = true
      pending.push(viewEndMs(row), sequence, () => viewRecords(withSeen(row, shown, events), shown.requestId, options))
    } else if (isEngagement(meaning)) {
      yield { kind: 'engagement', record: engagementRecord(row, meaning, shown.requestId, options, row.timeMs) }
    } else if (meaning !== 'impression') shown.seen.add(meaning)
  }
  while (pending.size > 0) yield* engagements(pending.pop()())
}

function* engagements(records: Iterable<ImportedEngagement>): Generator<TimelineEvent> {
  for (const record of records) yield { kind: 'engagement', record }
}

function* closedWindow(
  shown: OpenImpression,
  events: EventLogOptions,
  options: TimelineOptions,
): Generator<ImportedEngagement> {
  if (shown.ended) return
  shown.ended = true
  const row = withSeen({ ...shown.row, watchTimeMs: null, labels: {} }, shown, events)
  yield* viewRecords(row, shown.requestId, options, shown.row.timeMs + events.windowMs)
}

/** The row with what single events told of its view. */
function withSeen(row: ImportedRow, { seen }: OpenImpression, { toldHeads }: EventLogOptions): ImportedRow {
  const told = Object.fromEntries(toldHeads.map((head) => [head, seen.has(head)]))
  return { ...row, labels: { ...told, ...row.labels } }
}

function forgetOld(openByPair: Map<string, OpenImpression>, nowMs: number): void {
  for (const [key, { row }] of openByPair) if (row.timeMs < nowMs - attributionMs) openByPair.delete(key)
}

function pairKey(row: ImportedRow): string {
  return `${row.userId}\n${row.videoId}`
}

function impression(row: ImportedRow, requestId: string, options: TimelineOptions): ImportedImpression {
  const { userId, videoId, surface, device, language, region, propensity } = row
  return {
    kind: 'impression',
    eventId: rowEventId(options.source, row, 'FeedServed'),
    requestId,
    userId,
    videoId,
    creatorId: options.creatorOf(videoId),
    surface,
    device,
    language,
    region,
    propensity,
    impressionTimeMs: row.timeMs,
  }
}
