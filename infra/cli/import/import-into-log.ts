// Appends an imported log to the topics of an engine, hydrated on the way. Every event id derives from its row, so what an
// earlier import brought is a duplicate; append calls are few and large, and wait for each other.
import { encode } from '../../../schemas/codec.ts'
import type { AnyRecord } from '../../../schemas/generated.ts'
import { interactions, users, videos } from '../../../schemas/topics.ts'
import { countReader } from '../../../serving/view/count-view.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import type { Log, NewRecord } from '../../../streams/log/log.ts'
import { retrying } from '../../../streams/processor/retry.ts'
import type { Runtime } from '../../../streams/runtime/runtime.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { countShard } from '../../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { importWalk } from './import-walk.ts'
import type { ImportedFiles } from './imported-files.ts'

export interface ImportOptions {
  readonly files: ImportedFiles
  readonly features: FeatureSet
  readonly log: Log
  readonly runtime: Runtime
  readonly signal?: AbortSignal
  onProgress?(report: ImportReport): void
}

export interface ImportReport {
  /** Rows of the log read; repeated rows included. */
  readonly impressions: number
  readonly events: number
  readonly appended: number
  /** Events that the log had already. */
  readonly duplicates: number
}

const recordsPerAppend = 500
/** Event time after which windows and decay of the import's own fold move on. */
const tickMs = 60_000

export async function importIntoLog(options: ImportOptions): Promise<ImportReport> {
  const { files, features, log, runtime } = options
  const counter = countShard({
    spec: countsSpec,
    featureSet: features,
    tableFactory: wasmTable,
    syncIntervalMs: tickMs,
  })
  const walk = importWalk({ features, joiner: joiner(), counter, counts: countReader(counter.shard) })
  const report = { impressions: 0, events: 0, appended: 0, duplicates: 0 }
  const batch = new Batch(log, runtime, options.signal ?? new AbortController().signal, report)

  for (const record of files.videos) {
    walk.video(record)
    await batch.add(videos, record.videoId, record)
  }
  for (const record of files.users) {
    walk.user(record)
    await batch.add(users, record.userId, record)
  }
  let nextTickMs = Number.NEGATIVE_INFINITY
  // Repeated rows are kept: their derived ids make them duplicates, in the walk as in the log.
  for (const event of files.timeline('keep')) {
    if (options.signal?.aborted) break
    const timeMs = event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
    if (timeMs >= nextTickMs) {
      if (report.impressions > 0) walk.tick(timeMs)
      nextTickMs = timeMs + tickMs
    }
    if (event.kind === 'impression') {
      report.impressions++
      await batch.add(interactions, event.userId, walk.impression(event))
    } else {
      walk.engagement(event.record)
      await batch.add(interactions, event.record.userId, event.record)
    }
    if (batch.justSent) options.onProgress?.(report)
  }
  await batch.flush()
  return report
}

type Counts = { -readonly [Name in keyof ImportReport]: ImportReport[Name] }

/** Collects records of one topic after the other. */
class Batch {
  justSent = false
  private readonly log: Log
  private readonly runtime: Runtime
  private readonly signal: AbortSignal
  private readonly report: Counts
  private topic = ''
  private records: NewRecord[] = []

  constructor(log: Log, runtime: Runtime, signal: AbortSignal, report: Counts) {
    this.log = log
    this.runtime = runtime
    this.signal = signal
    this.report = report
  }

  async add(topic: string, key: string, record: AnyRecord & { eventId: string }): Promise<void> {
    this.justSent = false
    if (topic !== this.topic || this.records.length >= recordsPerAppend) await this.flush()
    this.topic = topic
    const timestampMs = this.runtime.clock.nowMs()
    const value = encode({ ...record, receivedTimeMs: timestampMs } as AnyRecord)
    this.records.push({ key, value, timestampMs, eventId: record.eventId })
  }

  async flush(): Promise<void> {
    if (this.records.length === 0) return
    const { records, topic } = this
    this.records = []
    const outcomes = await retrying(this.runtime, this.signal, () => this.log.append(topic, records))
    const duplicates = outcomes.filter((outcome) => outcome.status === 'duplicate').length
    this.report.events += records.length
    this.report.duplicates += duplicates
    this.report.appended += records.length - duplicates
    this.justSent = true
  }
}
