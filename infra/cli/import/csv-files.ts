// The files that a mapping names, as what every import and evaluation takes. The log is held in memory, about 250 bytes a
// row, because it is sorted by time; a log past the mapping's limit is refused, never cut.
import { statSync } from 'node:fs'
import { basename } from 'node:path'
import type { UserJoined, VideoPublished } from '../../../schemas/generated.ts'
import { checksum, derivedEventId } from '../../../schemas/ids.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { type BadRows, badRowCount, describeBadRows } from './bad-rows.ts'
import { eventLogOptions, logRowReader, untoldByLog } from './csv-log.ts'
import { type CsvMapping, type DialectMapping, mappingDefaults } from './csv-mapping.ts'
import { type CsvUser, type CsvVideo, userRowReader, videoRowReader } from './csv-tables.ts'
import { idText, unknownCreator } from './imported-events.ts'
import type { ImportedFiles } from './imported-files.ts'
import type { ImportedRow } from './imported-row.ts'
import { mappedPaths } from './mapped-paths.ts'
import { readMapping } from './read-mapping.ts'
import { readTable, type TableDialect } from './text-table.ts'
import { importedTimeline, inTimeOrder, repeatedRows } from './timeline.ts'

export interface CsvOptions {
  /** Path of the mapping; files in it are relative to its folder. */
  readonly mapping: string
  /** Log files in place of the mapping's. */
  readonly logs?: readonly string[]
  /** Takes a log of which more rows are bad than the mapping allows: to look at, not to import. */
  readonly anyBadRows?: boolean
  onProgress?(progress: ReadingProgress): void
}

export interface ReadingProgress {
  readonly file: string
  readonly bytesRead: number
  readonly bytes: number
}

/** Throws config-invalid for a mapping that does not fit itself or the files, usage for files that cannot be taken. */
export async function readCsv(options: CsvOptions): Promise<ImportedFiles> {
  const mapping = readMapping(options.mapping)
  const paths = mappedPaths(mapping, options.mapping, options.logs ?? null)
  const table = <Row>(path: string, dialect: DialectMapping, bad: BadRows, rowReader: Reader<Row>) => {
    const file = basename(path)
    const onBytes = (bytesRead: number) => options.onProgress?.({ file, bytesRead, bytes: statSync(path).size })
    return readTable({ path, dialect: dialectOf(dialect), rowReader, bad, onBytes })
  }
  const bad = { videos: new Map(), users: new Map(), log: new Map() } satisfies Record<string, BadRows>
  const videos = new Map<string, CsvVideo>()
  const users: CsvUser[] = []
  const { videos: videoTable, users: userTable, log } = mapping
  if (videoTable) {
    const rows = table(paths.videos!, videoTable, bad.videos, (names) => videoRowReader(names, videoTable))
    for await (const video of rows) videos.set(video.videoId, video)
  }
  if (userTable) {
    const rows = table(paths.users!, userTable, bad.users, (names) => userRowReader(names, userTable))
    for await (const user of rows) users.push(user)
  }
  const creatorByVideo = new Map<string, string>()
  const rows: ImportedRow[] = []
  let ignored = 0
  const rowsMax = mapping.rowsMax ?? mappingDefaults.rowsMax
  for (const path of paths.logs) {
    const read = table(path, log, bad.log, (names) =>
      logRowReader(names, {
        mapping,
        file: basename(path),
        isKnownVideo: (videoId) => videos.has(videoId),
        durationOf: (videoId) => videos.get(videoId)?.durationMs ?? 0,
        onCreator: (videoId, creatorId) => creatorByVideo.set(videoId, creatorId),
      }),
    )
    for await (const row of read) {
      if (row === null) ignored++
      else if (rows.push(row) > rowsMax) throw tooManyRows(rowsMax)
    }
  }
  const refusal = refusalOf(mapping, rows.length + ignored, bad.log)
  if (refusal !== null && !options.anyBadRows) {
    const kinds = describeBadRows(bad.log).map((kind) => `\n  ${kind}`)
    throw new FreshetError('usage', `${refusal}. Nothing was taken.${kinds.join('')}`)
  }
  for (const [videoId, { creatorId }] of videos) if (creatorId !== null) creatorByVideo.set(videoId, creatorId)
  return csvFiles({ mapping, rows, users, videos, creatorByVideo, bad: merged(bad), ignored, refusal })
}

type Reader<Row> = (names: readonly string[]) => (cells: readonly string[]) => Row

interface CsvContents {
  readonly mapping: CsvMapping
  readonly rows: readonly ImportedRow[]
  readonly users: readonly CsvUser[]
  readonly videos: ReadonlyMap<string, CsvVideo>
  readonly creatorByVideo: ReadonlyMap<string, string>
  readonly bad: BadRows
  readonly ignored: number
  readonly refusal: string | null
}

function csvFiles({
  mapping,
  users,
  videos,
  creatorByVideo,
  bad,
  ignored,
  refusal,
  ...contents
}: CsvContents): ImportedFiles {
  const { name: source, log } = mapping
  const rows = inTimeOrder(contents.rows)
  const firstTimeMs = rows[0]?.timeMs ?? 0
  const creatorOf = (videoId: string): string => creatorByVideo.get(videoId) ?? unknownCreator
  const bare = bareVideos(rows, videos)
  const complaints = describeBadRows(bad)
  let repeats = rows.length
  for (const _ of repeatedRows(rows, 'drop')) repeats--
  if (repeats > 0)
    complaints.push(
      `${counted(repeats, 'row repeats', 'rows repeat')} another's user, video and time: each counts once, as the first says`,
    )
  if (ignored > 0) complaints.push(`${counted(ignored, 'row', 'rows')} of events that the mapping ignores`)
  if (mapping.videos && bare.length > 0) {
    complaints.push(`${counted(bare.length, 'video is', 'videos are')} not in ${mapping.videos.file}: known by id only`)
  }
  if (refusal !== null) complaints.push(`an import would be refused: ${refusal}`)
  const published = [...videos.values(), ...bare].map((video) => videoPublished(source, video, creatorOf, firstTimeMs))
  return {
    rowCount: rows.length,
    users: users.map((user) => userJoined(source, user, firstTimeMs)),
    videos: published,
    timeline: (repeated) =>
      importedTimeline(rows, {
        source,
        creatorOf,
        untold: untoldByLog(log),
        repeats: repeated,
        events: eventLogOptions(log),
      }),
    badRows: bad,
    complaints,
  }
}

/** Videos that only the log names, from when it first shows them. */
function bareVideos(rows: readonly ImportedRow[], known: ReadonlyMap<string, CsvVideo>): CsvVideo[] {
  const bare = new Map<string, CsvVideo>()
  for (const { videoId, timeMs, durationMs } of rows) {
    if (known.has(videoId)) continue
    const before = bare.get(videoId)
    if (before && before.durationMs >= durationMs) continue
    bare.set(videoId, {
      ...(before ?? emptyVideo),
      videoId,
      durationMs,
      publishedTimeMs: before?.publishedTimeMs ?? timeMs,
    })
  }
  return [...bare.values()]
}

const emptyVideo: CsvVideo = {
  videoId: '',
  creatorId: null,
  durationMs: 0,
  publishedTimeMs: null,
  soundId: null,
  hashtags: [],
  category: null,
  language: null,
  region: null,
  embedding: null,
  attributes: {},
}

/** Ids of side records come from all that they say: an edited table is new events, an unchanged one is not. */
function recordId(source: string, kind: string, id: string, content: object): string {
  return derivedEventId(
    `${source}:${kind}:${idText(id)}:${checksum(new TextEncoder().encode(JSON.stringify(content)))}`,
  )
}

function userJoined(source: string, user: CsvUser, unknownTimeMs: number): UserJoined {
  const { userId, region, language, birthYear, attributes } = user
  const eventTimeMs = user.joinedTimeMs ?? unknownTimeMs
  const eventId = recordId(source, 'user', userId, user)
  const times = { eventTimeMs, receivedTimeMs: eventTimeMs }
  return { type: 'UserJoined', eventId, ...times, userId, region, language, birthYear, interests: [], attributes }
}

function videoPublished(
  source: string,
  video: CsvVideo,
  creatorOf: (videoId: string) => string,
  unknownTimeMs: number,
): VideoPublished {
  const { publishedTimeMs, creatorId: _, ...facts } = video
  const creatorId = creatorOf(video.videoId)
  const eventTimeMs = publishedTimeMs ?? unknownTimeMs
  return {
    type: 'VideoPublished',
    eventId: recordId(source, 'video', video.videoId, { ...facts, creatorId, publishedTimeMs }),
    eventTimeMs,
    receivedTimeMs: eventTimeMs,
    creatorId,
    ...facts,
    ageRating: null,
    contentId: null,
    playback: null,
  }
}

function dialectOf({ delimiter = ',', quote = '"', encoding = 'utf8', columns }: DialectMapping): TableDialect {
  return { delimiter, quote, encoding, columns: columns ?? null }
}

function merged(bad: Readonly<Record<'videos' | 'users' | 'log', BadRows>>): BadRows {
  const all: BadRows = new Map(bad.log)
  for (const table of ['users', 'videos'] as const)
    for (const [kind, told] of bad[table]) all.set(`${table}: ${kind}`, told)
  return all
}

/** Why a log with so many bad rows is not imported; null: it is. */
function refusalOf(mapping: CsvMapping, good: number, bad: BadRows): string | null {
  if (good + bad.size === 0) return 'the log has no rows: give files with rows'
  const count = badRowCount(bad)
  const share = count / (good + count)
  const shareMax = mapping.badRowShareMax ?? mappingDefaults.badRowShareMax
  if (share <= shareMax && good > 0) return null
  const told = `${(100 * share).toFixed(1)} % of the log's rows are bad, more than the ${100 * shareMax} % of badRowShareMax`
  return `${told}: correct the mapping or the files, or raise badRowShareMax`
}

function tooManyRows(rowsMax: number): FreshetError {
  const remedy = 'import a part of it by time, or raise rowsMax in the mapping where memory allows (250 bytes a row)'
  return new FreshetError('usage', `the log has more than ${rowsMax.toLocaleString('en')} rows: ${remedy}`)
}

function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
