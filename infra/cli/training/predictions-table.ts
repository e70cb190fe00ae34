// The predictions of a run as a Parquet file: one row for each scored example, in the order in which it was learned. The
// columns of a head are p_<head> (chance; seconds of watchTime) and y_<head> (0 or 1, null where unknown; seconds watched).
import { asyncBufferFromFile, parquetRead } from 'hyparquet'
import { type Head, heads } from '../../../schemas/labels.ts'
import { ScoredRows } from '../../../trainers/evaluation/scored-rows.ts'
import { type ParquetColumn, ParquetTable } from '../export/parquet-table.ts'
import type { RunRows } from './run-rows.ts'

const keyColumns: readonly ParquetColumn[] = [
  { name: 'exampleId', type: 'string' },
  { name: 'userId', type: 'string' },
  { name: 'videoId', type: 'string' },
  { name: 'requestId', type: 'string' },
  { name: 'impressionTime', type: 'time' },
]

export function writePredictionsTable(path: string, { scored, exampleIds }: Omit<RunRows, 'permuted'>): void {
  const columns = heads.flatMap((head): ParquetColumn[] => [
    { name: `p_${head}`, type: 'float' },
    { name: `y_${head}`, type: 'float' },
  ])
  const table = new ParquetTable(path, [...keyColumns, ...columns])
  const values = heads.flatMap((head) => [scored.predictions(head), labelsOf(scored, head)])
  for (const [row, exampleId] of exampleIds.entries()) {
    table.add([
      exampleId,
      scored.userNames.names[scored.users[row]!]!,
      scored.videoNames.names[scored.videos[row]!]!,
      scored.pageNames.names[scored.pages[row]!]!,
      new Date(scored.timesMs[row]!),
      ...values.map((column) => (Number.isNaN(column[row]!) ? null : column[row]!)),
    ])
  }
  table.finish()
}

/** Throws RangeError on a file that holds something else. */
export async function readPredictionsTable(path: string): Promise<Omit<RunRows, 'permuted'>> {
  const file = await asyncBufferFromFile(path)
  const scored = new ScoredRows()
  const exampleIds: string[] = []
  await parquetRead({
    file,
    rowFormat: 'object',
    onComplete: (rows) => {
      for (const row of rows as Record<string, unknown>[]) {
        exampleIds.push(String(row.exampleId))
        scored.add({
          userId: String(row.userId),
          videoId: String(row.videoId),
          requestId: String(row.requestId),
          timeMs: (row.impressionTime as Date).getTime(),
          predictions: Float32Array.from(heads, (head) => Number(row[`p_${head}`] ?? Number.NaN)),
          frozen: null,
          labels: Float32Array.from(heads, (head) => labelOf(row, head)),
          userImpressionsBefore: 0,
          videoImpressionsBefore: 0,
          sinceUserSeenMs: Number.POSITIVE_INFINITY,
        })
      }
    },
  })
  return { scored, exampleIds }
}

function labelsOf(scored: ScoredRows, head: Head): Float32Array {
  return head === 'watchTime' ? scored.watchedSeconds() : scored.labels(head)
}

function labelOf(row: Record<string, unknown>, head: Head): number {
  const value = Number(row[`y_${head}`] ?? Number.NaN)
  return head === 'watchTime' ? Math.log1p(value) : value
}
