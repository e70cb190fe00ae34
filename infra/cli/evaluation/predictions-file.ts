// Predictions of single impressions as tab-separated text, so that another model can be compared row by row: `user`, `video`,
// `timeMs`, then per head a column of its name, `.frozen` with the user's side as of the start of the day, `.label`.
import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { type Head, heads } from '../../../schemas/labels.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import type { OtherPredictions } from '../../../trainers/evaluation/paired-difference.ts'
import type { ScoredRows } from '../../../trainers/evaluation/scored-rows.ts'

const idColumns = ['user', 'video', 'timeMs'] as const

/** Compressed where the name ends in .gz. Watch time is in seconds. */
export async function writePredictions(path: string, rows: ScoredRows): Promise<void> {
  const text = Readable.from(lines(rows))
  const file = createWriteStream(path)
  if (path.endsWith('.gz')) await pipeline(text, createGzip(), file)
  else await pipeline(text, file)
}

function* lines(rows: ScoredRows): Generator<string> {
  const columns = heads.flatMap((head): [string, Float32Array][] => [
    [head, rows.predictions(head)],
    ...(rows.hasFrozen ? [[`${head}.frozen`, rows.frozen(head)] as [string, Float32Array]] : []),
    [`${head}.label`, head === 'watchTime' ? rows.watchedSeconds() : rows.labels(head)],
  ])
  yield `${[...idColumns, ...columns.map(([name]) => name)].join('\t')}\n`
  for (let row = 0; row < rows.length; row++) {
    const values = columns.map(([, column]) => numberText(column[row]!))
    yield `${[...rowIds(rows, row), ...values].join('\t')}\n`
  }
}

/** Short, and read back as the same float32. */
function numberText(value: number): string {
  return Number.isNaN(value) ? '' : String(Number(value.toPrecision(9)))
}

function rowIds(rows: ScoredRows, row: number): [string, string, number] {
  return [rows.userNames.names[rows.users[row]!]!, rows.videoNames.names[rows.videos[row]!]!, rows.timesMs[row]!]
}

export interface ReadPredictions extends OtherPredictions {
  /** Scored rows that the file holds too. */
  readonly matched: number
}

/** Predictions of the scored rows by a file of the same shape, labels not needed. Columns that are neither an id nor a head
 *  are passed over, and so are rows that were not scored here. Throws usage where a needed column is missing. */
export async function readPredictions(path: string, rows: ScoredRows): Promise<ReadPredictions> {
  const rowByKey = new Map<string, number>()
  for (let row = 0; row < rows.length; row++) rowByKey.set(rowIds(rows, row).join('\t'), row)
  const plain = new Map<Head, Float32Array>()
  const frozen = new Map<Head, Float32Array>()
  let columns: Columns | null = null
  let matched = 0
  for await (const line of createInterface({ input: opened(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    const cells = line.split('\t')
    if (!columns) {
      columns = columnsOf(path, cells, rows.length, plain, frozen)
      continue
    }
    const row = rowByKey.get(columns.ids.map((index) => cells[index]).join('\t'))
    if (row === undefined) continue
    matched++
    for (const [index, column] of columns.columns) {
      const text = cells[index]
      column[row] = text === undefined || text === '' ? Number.NaN : Number(text)
    }
  }
  return { plain, frozen, matched }
}

interface Columns {
  readonly ids: readonly number[]
  readonly columns: readonly (readonly [number, Float32Array])[]
}

function columnsOf(
  path: string,
  names: readonly string[],
  rowCount: number,
  plain: Map<Head, Float32Array>,
  frozen: Map<Head, Float32Array>,
): Columns {
  const ids = idColumns.map((name) => names.indexOf(name))
  const missing = idColumns.filter((_, index) => ids[index] === -1)
  if (missing.length > 0) {
    throw new FreshetError('usage', `${path} lacks the columns ${missing.join(', ')}; add them, separated by tabs`)
  }
  const columns = heads.flatMap((head) =>
    [[names.indexOf(head), plain] as const, [names.indexOf(`${head}.frozen`), frozen] as const].flatMap(
      ([index, into]) => {
        if (index === -1) return []
        const column = new Float32Array(rowCount).fill(Number.NaN)
        into.set(head, column)
        return [[index, column] as const]
      },
    ),
  )
  return { ids, columns }
}

function opened(path: string): NodeJS.ReadableStream {
  const file = createReadStream(path)
  return path.endsWith('.gz') ? file.pipe(createGunzip()) : file
}
