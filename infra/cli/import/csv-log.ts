// Rows of a log of another shape as ImportedRows, by its mapping, and what the log can tell at all.
import { type Head, heads } from '../../../schemas/labels.ts'
import { BadValue } from './bad-rows.ts'
import { type Cells, CsvColumns } from './csv-cells.ts'
import { labelsReader } from './csv-labels.ts'
import { type CsvMapping, type LogMapping, mappingDefaults } from './csv-mapping.ts'
import {
  believedWatchTimeMs,
  type ImportedRow,
  type RowMeaning,
  untoldLabels,
  type ViewHead,
  viewHeads,
} from './imported-row.ts'
import type { EventLogOptions } from './timeline.ts'

export interface LogReaderOptions {
  readonly mapping: CsvMapping
  /** For complaints. */
  readonly file: string
  isKnownVideo(videoId: string): boolean
  durationOf(videoId: string): number
  /** Told of every row that is read. */
  onCreator(videoId: string, creatorId: string): void
}

/** Reader of one file's rows; null: the mapping ignores this kind of event. Throws config-invalid for missing columns. */
export function logRowReader(
  names: readonly string[],
  options: LogReaderOptions,
): (cells: Cells) => ImportedRow | null {
  const { log, unknownVideos = mappingDefaults.unknownVideos } = options.mapping
  const columns = new CsvColumns(options.file, names)
  const user = columns.id(log.user, 'log.user')
  const video = columns.id(log.video, 'log.video')
  const time = columns.requiredTime(log.time, 'log.time')
  const watchTime = columns.span(log.watchTime, 'log.watchTime')
  const duration = columns.span(log.duration, 'log.duration')
  const labels = labelsReader(log.labels ?? {}, columns)
  const meaning = meaningReader(log, columns)
  const surface = columns.named(log.surface, 'log.surface')
  const device = columns.named(log.device, 'log.device')
  const region = columns.named(log.region, 'log.region')
  const language = columns.named(log.language, 'log.language')
  const creator = columns.optionalId(log.creator, 'log.creator')
  const propensity = propensityReader(log, columns)
  columns.check()
  const one = interned()
  return (cells) => {
    const means = meaning(cells)
    if (means === null) return null
    const userId = one(user(cells))
    const videoId = one(video(cells))
    if (unknownVideos === 'reject' && !options.isKnownVideo(videoId)) {
      throw new BadValue('the video is not in the table of videos (and unknownVideos is "reject")')
    }
    const watch = {
      watchTimeMs: watchTime(cells),
      durationMs: duration(cells) ?? options.durationOf(videoId),
    }
    const givenMs = time(cells)
    const row: ImportedRow = {
      meaning: means,
      userId,
      videoId,
      timeMs: log.timeOf === 'end' && means === 'view' ? givenMs - believedWatchTimeMs(watch) : givenMs,
      ...watch,
      labels: labels(cells),
      surface: one(surface(cells) ?? mappingDefaults.surface),
      device: device(cells),
      language: language(cells),
      region: region(cells),
      propensity: propensity(cells),
    }
    const creatorId = creator(cells)
    if (creatorId !== null) options.onCreator(videoId, creatorId)
    return row
  }
}

/** Heads of which this log tells nothing, as `givenLabels` say it. */
export function untoldByLog(log: LogMapping): Readonly<Record<string, true>> {
  const told = new Set<Head>(Object.keys(log.labels ?? {}) as Head[])
  for (const means of Object.values(log.events?.values ?? {})) {
    if ((heads as readonly string[]).includes(means)) told.add(means as Head)
    if (means === 'report') told.add('notInterested')
  }
  // With a watch time the others follow from it where the duration is known, and are unknown where it is not.
  if (log.watchTime) for (const head of [...viewHeads, 'watchTime'] as const) told.add(head)
  return untoldLabels(told)
}

/** How single events are brought together; null: every row is a view of its own. */
export function eventLogOptions({ events }: LogMapping): EventLogOptions | null {
  if (!events) return null
  const means = new Set<string>(Object.values(events.values))
  const toldHeads = viewHeads.filter((head): head is ViewHead => means.has(head))
  return { windowMs: (events.windowMinutes ?? mappingDefaults.windowMinutes) * 60_000, toldHeads }
}

function meaningReader({ events }: LogMapping, columns: CsvColumns): (cells: Cells) => RowMeaning | null {
  if (!events) return () => 'view'
  const text = columns.text(events.column, 'log.events.column')
  const otherwise = events.values['*']
  const known = new Map(Object.entries(events.values))
  return (cells) => {
    const means = known.get(text(cells)) ?? otherwise
    if (means === undefined) {
      throw new BadValue(`${events.column} is none of log.events.values (add it, or "*": "ignore")`)
    }
    return means === 'ignore' ? null : means
  }
}

function propensityReader({ propensity }: LogMapping, columns: CsvColumns): (cells: Cells) => number {
  if (propensity === undefined) return () => 1
  const number = columns.number(propensity, 'log.propensity')
  return (cells) => {
    const value = number(cells)
    if (value === null) return 1
    if (!(value > 0 && value <= 1)) throw new BadValue(`${propensity} is no probability above 0 and at most 1`)
    return value
  }
}

/** Equal texts become one: a log repeats its ids in every row. */
function interned(): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    const same = known.get(text)
    if (same !== undefined) return same
    known.set(text, text)
    return text
  }
}
