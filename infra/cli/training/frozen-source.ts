// Examples as they stand in the log, with the features that were frozen when they were served.
import { decode } from '../../../schemas/codec.ts'
import type { Log } from '../../../streams/log/log.ts'
import { mergedRecords, type PartitionRange } from './merged-records.ts'
import type { SourceRecord, TrainingSource } from './training-source.ts'

/** `ranges` are of `examples`. What cannot be decoded is passed over, as the live trainer does. */
export function frozenSource(log: Log, ranges: readonly PartitionRange[]): TrainingSource {
  return {
    features: 'frozen',
    recordsExpected: ranges.reduce((sum, { from, to }) => sum + to - from, 0),
    async *batches(skip) {
      const keepsOffsets = ranges.length === 1
      let left = skip
      let sequence = 0
      for await (const records of mergedRecords(log, ranges)) {
        const batch: SourceRecord[] = []
        for (const { value, offset } of records) {
          const record = value === null ? null : decode(value)
          if (record?.type !== 'Example' && record?.type !== 'LabelCorrection' && record?.type !== 'Tick') continue
          const place = keepsOffsets ? offset : sequence++
          if (left > 0) left--
          else batch.push({ offset: place, record })
        }
        if (batch.length > 0) yield batch
      }
    },
  }
}
