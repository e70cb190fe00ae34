// Reads a delimited text file row by row, plain or gzipped, with or without a byte order mark, quoted or not. A row that its
// reader cannot convert is counted under its kind, with the first example; every other row comes out in the file's order.
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { CsvError, parse } from 'csv-parse'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { type BadRows, BadValue, countBadRow } from './bad-rows.ts'

export interface TableDialect {
  /** What stands between two cells; one character or several. */
  readonly delimiter: string
  /** Empty: no cell is quoted. */
  readonly quote: string
  readonly encoding: 'utf8' | 'latin1' | 'utf16le'
  /** Names of the columns where the file has no header line. Null: the first line names them. */
  readonly columns: readonly string[] | null
}

export const plainDialect: TableDialect = { delimiter: ',', quote: '"', encoding: 'utf8', columns: null }

/** Cells of one row by the place of their column. */
export type RowReader<Row> = (cells: readonly string[]) => Row

export interface TableOptions<Row> {
  readonly path: string
  readonly dialect: TableDialect
  /** Called once with the columns; the reader it returns throws BadValue for a row that it cannot convert. */
  rowReader(columns: readonly string[]): RowReader<Row>
  readonly bad: BadRows
  /** Bytes of the file read so far, gzipped ones as they lie on disk. */
  onBytes?(bytesRead: number): void
}

export const rowBytesMax = 1 << 20
export const columnsMax = 4_096
const bytesEveryRows = 4_096

interface PlacedCells {
  readonly cells: readonly string[]
  readonly line: number
}

/** The parser's types know only rows of text; what it yields is a PlacedCells. */
function withLine(cells: string[], { lines }: { readonly lines: number }): string[] {
  return { cells, line: lines } satisfies PlacedCells as unknown as string[]
}

/** Throws `usage` where the file cannot be opened, is empty, is no text table, or has a row of more than 1 MiB. */
export async function* readTable<Row>(options: TableOptions<Row>): AsyncGenerator<Row> {
  const { path, dialect, bad } = options
  const { bytes, text } = await openText(path)
  const parser = text.pipe(
    parse({
      delimiter: dialect.delimiter,
      quote: dialect.quote === '' ? null : dialect.quote,
      encoding: dialect.encoding,
      bom: true,
      relaxColumnCount: true,
      relaxQuotes: true,
      skipEmptyLines: true,
      maxRecordSize: rowBytesMax,
      onRecord: withLine,
    }),
  )
  text.on('error', (error) => parser.destroy(error))
  let read: RowReader<Row> | null = null
  let width = 0
  let rows = 0
  const begin = (columns: readonly string[]): void => {
    checkColumns(path, columns)
    width = columns.length
    read = options.rowReader(columns)
  }
  if (dialect.columns) begin(dialect.columns)
  try {
    for await (const record of parser) {
      const { cells, line } = record as PlacedCells
      if (read === null) {
        begin(cells.map((name) => name.trim()))
        continue
      }
      if (++rows % bytesEveryRows === 0) options.onBytes?.(bytes.bytesRead)
      let row: Row
      try {
        if (cells.length !== width) throw new BadValue(widthKind(cells, width))
        row = (read as RowReader<Row>)(cells)
      } catch (error) {
        if (!(error instanceof BadValue)) throw error
        countBadRow(bad, error.message, `${basename(path)}:${line}`, cells)
        continue
      }
      yield row
    }
  } catch (error) {
    throw readable(path, error)
  } finally {
    bytes.destroy()
  }
  options.onBytes?.(bytes.bytesRead)
  if (read === null) throw new FreshetError('usage', `${path} is empty: give a file with a header line and rows`)
}

function widthKind(cells: readonly string[], width: number): string {
  const openQuote = cells.some((cell) => cell.includes('\n'))
  return `wrong number of columns${openQuote ? `, ${width} expected, over several lines (a quote left open?)` : ''}`
}

function checkColumns(path: string, columns: readonly string[]): void {
  if (columns.length > columnsMax) {
    throw new FreshetError(
      'usage',
      `${path} has ${columns.length} columns, at most ${columnsMax}: is it delimited text?`,
    )
  }
  const twice = columns.find((name, index) => columns.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new FreshetError('usage', `${path} has two columns named ${JSON.stringify(twice)}: give each its own name`)
  }
}

async function openText(
  path: string,
): Promise<{ readonly bytes: ReturnType<typeof createReadStream>; text: Readable }> {
  const start = Buffer.alloc(2)
  try {
    const file = await open(path)
    await file.read(start, 0, 2, 0).finally(() => file.close())
  } catch (cause) {
    throw new FreshetError('usage', `${path} cannot be read: give the path of a text file, plain or gzipped`, { cause })
  }
  const bytes = createReadStream(path)
  if (start[0] !== 0x1f || start[1] !== 0x8b) return { bytes, text: bytes }
  const text = createGunzip()
  bytes.on('error', (error) => text.destroy(error))
  return { bytes, text: bytes.pipe(text) }
}

function readable(path: string, error: unknown): unknown {
  const { code, message } = error as Error & { code?: string }
  // Only what reading can fail with has a code; the rest is a defect and stays as it is.
  if (error instanceof FreshetError || code === undefined) return error
  if (error instanceof CsvError && code === 'CSV_MAX_RECORD_SIZE') {
    const at = String((error as CsvError & { lines?: number }).lines ?? '?')
    const remedy = 'close the quote that is open there, or turn quotes off ("quote": "" in a mapping)'
    return new FreshetError('usage', `${path}: the row that line ${at} belongs to is longer than 1 MiB; ${remedy}`)
  }
  if (error instanceof CsvError && code === 'CSV_QUOTE_NOT_CLOSED') {
    const remedy = 'close it, or turn quotes off ("quote": "" in a mapping)'
    return new FreshetError('usage', `${path}: a quote is still open at the end of the file; ${remedy}`)
  }
  return new FreshetError('usage', `${path} cannot be read to its end (${message}): is it whole, and text?`, {
    cause: error,
  })
}
