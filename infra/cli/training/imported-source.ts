// The examples of a log made elsewhere, read from its files: hydrated and joined by the walk that imports it, with a Tick
// after each interval of event time. No engine is needed, and nothing else is read.
import type { Tick } from '../../../schemas/generated.ts'
import { countReader } from '../../../serving/view/count-view.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { countShard } from '../../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { importWalk } from '../import/import-walk.ts'
import type { ImportedFiles } from '../import/imported-files.ts'
import { countsSyncMs } from './log-walk.ts'
import type { SourceRecord, TrainingSource } from './training-source.ts'

/** Two windows of a day's events at a rate that no import here reaches. */
const eventIdsMax = 2_000_000
const recordsPerBatch = 2_000

/** `tickMs`: event time that is predicted before it is learned, unless a batch is full before. */
export function importedSource(files: ImportedFiles, features: FeatureSet, tickMs: number): TrainingSource {
  return {
    features: 'recomputed',
    recordsExpected: files.rowCount,
    async *batches(skip) {
      let left = skip
      let offset = 0
      let batch: SourceRecord[] = []
      const give = (record: SourceRecord['record']) => {
        if (left > 0) left--
        else batch.push({ offset, record })
        offset++
      }
      const tick = (timeMs: number): Tick => ({ type: 'Tick', eventTimeMs: timeMs, receivedTimeMs: timeMs })
      const counter = countShard({
        spec: countsSpec,
        featureSet: features,
        tableFactory: wasmTable,
        syncIntervalMs: countsSyncMs,
      })
      const counts = countReader(counter.shard)
      const walk = importWalk({ features, joiner: joiner({ eventIdsMax }), counter, counts, onExample: give })
      for (const video of files.videos) walk.video(video)
      for (const user of files.users) walk.user(user)
      let endMs = Number.NEGATIVE_INFINITY
      for (const event of files.timeline('drop')) {
        const timeMs = event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
        if (timeMs >= endMs) {
          if (endMs > 0) {
            walk.tick(endMs)
            give(tick(endMs))
          }
          endMs = (Math.floor(timeMs / tickMs) + 1) * tickMs
        }
        if (event.kind === 'engagement') walk.engagement(event.record)
        else walk.impression(event)
        if (batch.length >= recordsPerBatch) {
          yield batch
          batch = []
        }
      }
      walk.tick(endMs)
      give(tick(endMs))
      yield batch
    },
  }
}
