// Reads the CSV files of KuaiRand as typed rows, streaming, plain or gzipped. Rows are never dropped in silence: one that
// cannot be read is counted under its kind, with the first example, and every other row comes out as it stands.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { type BadRows, BadValue } from './bad-rows.ts'
import { plainDialect, type RowReader, readTable } from './text-table.ts'

/** One impression of the standard log. Times are UTC milliseconds; nothing is clipped. */
export interface LogRow {
  readonly userId: string
  readonly videoId: string
  readonly timeMs: number
  readonly click: boolean
  readonly like: boolean
  readonly follow: boolean
  readonly comment: boolean
  readonly forward: boolean
  readonly hate: boolean
  readonly longView: boolean
  readonly playTimeMs: number
  /** 0 where the log does not know it. */
  readonly durationMs: number
  readonly tab: string
}

/** Profile columns by their name in the file, empty ones left out. */
export interface UserRow {
  readonly userId: string
  readonly attributes: Readonly<Record<string, number | string>>
}

export interface VideoRow {
  readonly videoId: string
  readonly authorId: string
  readonly musicId: string | null
  /** 0 where the file does not know it. */
  readonly durationMs: number
  /** Start of the upload day in UTC+8; null when the column is empty. */
  readonly uploadTimeMs: number | null
  readonly tags: readonly string[]
  readonly attributes: Readonly<Record<string, number | string>>
}

/** Impressions of one or several log files, one after the other, in the order of the files. */
export async function* readLog(paths: readonly string[], bad: BadRows): AsyncGenerator<LogRow> {
  for (const path of paths) yield* readRows(path, logColumns, logRow, bad)
}

export function readUsers(path: string, bad: BadRows): AsyncGenerator<UserRow> {
  return readRows(path, ['user_id'], userRow, bad)
}

export function readVideos(path: string, bad: BadRows): AsyncGenerator<VideoRow> {
  return readRows(path, videoColumns, videoRow, bad)
}

/** All rows in memory: a week of the log is about 120,000 rows, 30 MB. */
export async function collectRows<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = []
  for await (const row of rows) all.push(row)
  return all
}

const logColumns = [
  'user_id',
  'video_id',
  'time_ms',
  'is_click',
  'is_like',
  'is_follow',
  'is_comment',
  'is_forward',
  'is_hate',
  'long_view',
  'play_time_ms',
  'duration_ms',
  'tab',
]

const videoColumns = ['video_id', 'author_id', 'upload_dt', 'video_duration', 'music_id', 'tag']
const utc8Ms = 8 * 3_600_000

/** Reads one value of the row by column name; throws BadValue. */
type Cells = (column: string) => string

function readRows<Row>(
  path: string,
  required: readonly string[],
  convert: (cells: Cells, columns: readonly string[]) => Row,
  bad: BadRows,
): AsyncGenerator<Row> {
  const rowReader = (columns: readonly string[]): RowReader<Row> => {
    const indexByColumn = new Map(columns.map((name, index) => [name, index]))
    requireColumns(path, required, indexByColumn)
    return (values) => convert((column) => values[indexByColumn.get(column)!]!, columns)
  }
  return readTable({ path, dialect: plainDialect, rowReader, bad })
}

function requireColumns(path: string, required: readonly string[], present: ReadonlyMap<string, number>): void {
  const missing = required.filter((column) => !present.has(column))
  if (missing.length === 0) return
  throw new FreshetError(
    'usage',
    `${path} lacks the columns ${missing.join(', ')}: give the KuaiRand file that has them`,
  )
}

function logRow(cells: Cells): LogRow {
  return {
    userId: id(cells, 'user_id'),
    videoId: id(cells, 'video_id'),
    timeMs: count(cells, 'time_ms'),
    click: flag(cells, 'is_click'),
    like: flag(cells, 'is_like'),
    follow: flag(cells, 'is_follow'),
    comment: flag(cells, 'is_comment'),
    forward: flag(cells, 'is_forward'),
    hate: flag(cells, 'is_hate'),
    longView: flag(cells, 'long_view'),
    playTimeMs: count(cells, 'play_time_ms'),
    durationMs: count(cells, 'duration_ms'),
    tab: id(cells, 'tab'),
  }
}

function userRow(cells: Cells, columns: readonly string[]): UserRow {
  const names = columns.filter((column) => column !== 'user_id')
  return { userId: id(cells, 'user_id'), attributes: attributesOf(cells, names) }
}

function videoRow(cells: Cells, columns: readonly string[]): VideoRow {
  const named = ['video_id', 'author_id', 'upload_dt', 'video_duration', 'music_id', 'tag']
  const attributes = attributesOf(
    cells,
    columns.filter((column) => !named.includes(column)),
  )
  const musicId = cells('music_id')
  return {
    videoId: id(cells, 'video_id'),
    authorId: id(cells, 'author_id'),
    musicId: musicId === '' || musicId === '0' ? null : musicId,
    durationMs: cells('video_duration') === '' ? 0 : count(cells, 'video_duration'),
    uploadTimeMs: cells('upload_dt') === '' ? null : day(cells, 'upload_dt'),
    tags: cells('tag')
      .split(',')
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ''),
    attributes,
  }
}

function attributesOf(cells: Cells, columns: readonly string[]): Record<string, number | string> {
  const attributes: Record<string, number | string> = {}
  for (const column of columns) {
    const text = cells(column)
    if (text === '') continue
    const value = Number(text)
    attributes[column] = Number.isFinite(value) ? value : text
  }
  return attributes
}

function id(cells: Cells, column: string): string {
  const text = cells(column)
  if (text === '') throw new BadValue(`${column} is empty`)
  return text
}

function count(cells: Cells, column: string): number {
  const text = cells(column)
  const value = Number(text)
  if (text === '' || !Number.isFinite(value) || value < 0) throw new BadValue(`${column} is not a number from 0`)
  return Math.round(value)
}

function flag(cells: Cells, column: string): boolean {
  const text = cells(column)
  if (text !== '0' && text !== '1') throw new BadValue(`${column} is neither 0 nor 1`)
  return text === '1'
}

function day(cells: Cells, column: string): number {
  const time = Date.parse(`${cells(column)}T00:00:00Z`)
  if (Number.isNaN(time)) throw new BadValue(`${column} is not a date`)
  return time - utc8Ms
}
