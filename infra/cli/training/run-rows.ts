// The rows of a run as its journal has them, with the labels that were known at the end: what is scored, and what was kept
// apart to tell what each feature is worth.
import { heads } from '../../../schemas/labels.ts'
import { ScoredRows } from '../../../trainers/evaluation/scored-rows.ts'
import type { CorrectedRows, JournalFrame, PermutedRows, PredictedRows } from './run-journal.ts'

export interface RunRows {
  /** In the order in which they were learned. */
  readonly scored: ScoredRows
  /** Of the scored, row by row. */
  readonly exampleIds: readonly string[]
  readonly permuted: readonly PermutedRows[]
}

/** `scoreFromMs`: earlier impressions count only for what is familiar by then; null: all are scored. */
export async function runRows(frames: AsyncIterable<JournalFrame>, scoreFromMs: number | null): Promise<RunRows> {
  const predicted: PredictedRows[] = []
  const corrected = new Map<string, Float32Array>()
  const permuted: PermutedRows[] = []
  for await (const frame of frames) {
    if (frame.kind === 'rows') predicted.push(frame)
    else if (frame.kind === 'corrections') noteCorrections(frame, corrected)
    else permuted.push(frame)
  }
  const scored = new ScoredRows()
  const exampleIds: string[] = []
  const impressionsOf = new Map<string, number>()
  const lastSeenMs = new Map<string, number>()
  const before = (name: string): number => {
    const count = impressionsOf.get(name) ?? 0
    impressionsOf.set(name, count + 1)
    return count
  }
  for (const rows of predicted) {
    for (const [row, exampleId] of rows.exampleIds.entries()) {
      const userId = rows.userIds[row]!
      const videoId = rows.videoIds[row]!
      const timeMs = rows.impressionTimesMs[row]!
      const userImpressionsBefore = before(`user ${userId}`)
      const videoImpressionsBefore = before(`video ${videoId}`)
      const sinceUserSeenMs = Math.max(0, timeMs - (lastSeenMs.get(userId) ?? Number.NEGATIVE_INFINITY))
      lastSeenMs.set(userId, Math.max(lastSeenMs.get(userId) ?? 0, rows.eventTimesMs[row]!))
      if (scoreFromMs !== null && timeMs < scoreFromMs) continue
      exampleIds.push(exampleId)
      scored.add({
        userId,
        videoId,
        requestId: rows.requestIds[row]!,
        timeMs,
        predictions: ofRow(rows.predictions, row),
        frozen: null,
        labels: corrected.get(exampleId) ?? ofRow(rows.labels, row),
        userImpressionsBefore,
        videoImpressionsBefore,
        sinceUserSeenMs,
      })
    }
  }
  return { scored, exampleIds, permuted }
}

/** The last correction of an example stands. */
function noteCorrections({ exampleIds, labels }: CorrectedRows, corrected: Map<string, Float32Array>): void {
  for (const [row, exampleId] of exampleIds.entries()) corrected.set(exampleId, ofRow(labels, row))
}

function ofRow(columns: Float32Array, row: number): Float32Array {
  return columns.subarray(row * heads.length, (row + 1) * heads.length)
}
