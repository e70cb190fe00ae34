// What an import would bring, for a person to look at first: how much of what, over which time, with which label rates.
import { type Head, heads } from '../../../schemas/labels.ts'
import { entryLabels, viewEnd } from '../../../streams/joiner/entry-labels.ts'
import { tableText } from '../table-text.ts'
import type { ImportedFiles } from './imported-files.ts'

export interface ImportSummary {
  readonly rows: number
  readonly impressions: number
  /** Users and videos that the log names. */
  readonly usersInLog: number
  readonly videosInLog: number
  readonly profiles: number
  readonly catalog: number
  /** Null: no rows. */
  readonly fromMs: number | null
  readonly toMs: number | null
  readonly events: Readonly<Record<string, number>>
  /** Of the ends of views that tell the head: how many, and their mean (watchTime: of log1p of seconds). */
  readonly labels: Readonly<Partial<Record<Head, { readonly told: number; readonly mean: number }>>>
  readonly badRows: readonly { readonly kind: string; readonly count: number; readonly example: string }[]
}

export function importSummary(files: ImportedFiles): ImportSummary {
  const users = new Set<string>()
  const videos = new Set<string>()
  const events: Record<string, number> = {}
  const told = heads.map(() => 0)
  const sums = heads.map(() => 0)
  let impressions = 0
  let fromMs: number | null = null
  let toMs: number | null = null
  for (const event of files.timeline('drop')) {
    const timeMs = event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
    fromMs ??= timeMs
    toMs = timeMs
    if (event.kind === 'impression') {
      impressions++
      users.add(event.userId)
      videos.add(event.videoId)
      continue
    }
    const { record } = event
    events[record.type] = (events[record.type] ?? 0) + 1
    if (record.type !== 'VideoWatched' && record.type !== 'VideoSkipped') continue
    const replays = record.type === 'VideoWatched' ? record.replays : 0
    const labels = entryLabels(viewEnd({ ...record, replays }, record.givenLabels), [])
    for (const [head, label] of labels.entries()) {
      if (Number.isNaN(label)) continue
      told[head] = told[head]! + 1
      sums[head] = sums[head]! + label
    }
  }
  const means = heads.map((head, index) => [head, { told: told[index]!, mean: sums[index]! / told[index]! }] as const)
  return {
    rows: files.rowCount,
    impressions,
    usersInLog: users.size,
    videosInLog: videos.size,
    profiles: files.users.length,
    catalog: files.videos.length,
    fromMs,
    toMs,
    events,
    labels: Object.fromEntries(means.filter(([, { told: count }]) => count > 0)),
    badRows: [...files.badRows].map(([kind, { count, example }]) => ({ kind, count, example })),
  }
}

export function summaryText(summary: ImportSummary): string {
  const number = (value: number): string => value.toLocaleString('en')
  const time = (timeMs: number | null): string => (timeMs === null ? '-' : new Date(timeMs).toISOString())
  const labels = Object.entries(summary.labels).map(([head, { told, mean }]) => [
    head,
    number(told),
    head === 'watchTime' ? `mean of log(1 + seconds) ${mean.toFixed(3)}` : `${(100 * mean).toFixed(2)} % yes`,
  ])
  const untold = heads.filter((head) => !summary.labels[head])
  const events = Object.entries(summary.events).map(([type, count]) => `${number(count)} ${type}`)
  return [
    `${number(summary.rows)} rows: ${number(summary.impressions)} impressions of ${number(summary.videosInLog)} videos to ${number(summary.usersInLog)} users`,
    `from ${time(summary.fromMs)} to ${time(summary.toMs)}`,
    `side tables: ${number(summary.profiles)} users, ${number(summary.catalog)} videos (those known by id only included)`,
    `events: ${events.join(', ') || 'none'}`,
    '',
    tableText(['label', 'views that tell it', 'rate'], labels),
    ...(untold.length > 0 ? [`the log tells nothing of: ${untold.join(', ')}`] : []),
  ].join('\n')
}
