// The user's recent videos as ids of the video slot: those completed or liked, and those skipped early or not wanted.
import { type RowId, rowId } from '../../schemas/ids.ts'
import type { Feature, HistoryEntry, QueryContext } from './feature.ts'

export const recentPositive = recentSlot(
  'recentPositive',
  12,
  (entry) => (entry.completed || entry.liked) && !entry.notInterested,
)
export const recentNegative = recentSlot(
  'recentNegative',
  8,
  (entry) => entry.notInterested || (entry.earlySkip && !entry.liked),
)

const rowIdByEntry = new WeakMap<HistoryEntry, RowId>()

function recentSlot(name: string, width: number, fits: (entry: HistoryEntry) => boolean): Feature {
  return {
    name,
    slots: [{ name, side: 'query', width }],
    dense: [],
    readQuery(context, out) {
      out.ids(name, recentIds(context, width, fits))
    },
  }
}

/** Newest first. */
function recentIds(context: QueryContext, width: number, fits: (entry: HistoryEntry) => boolean): RowId[] {
  const ids: RowId[] = []
  for (const entry of context.history.recent) {
    if (ids.length === width) break
    if (fits(entry)) ids.push(videoRowId(entry))
  }
  return ids
}

function videoRowId(entry: HistoryEntry): RowId {
  let id = rowIdByEntry.get(entry)
  if (id === undefined) {
    id = rowId('video', entry.videoId)
    rowIdByEntry.set(entry, id)
  }
  return id
}
