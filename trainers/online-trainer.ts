// The lockstep trainer: a fold of `examples` that predicts each batch before it learns it, owns what it learns, and publishes
// what changed. A batch closes at 512 records or at a Tick, never by the clock, so equal inputs give equal states, predictions
// and deltas, byte for byte.
import type { Tick } from '../schemas/generated.ts'
import type { Processor, Recorded, StepOutput } from '../streams/processor/processor.ts'
import { batchQuality } from './batch-quality.ts'
import { metricsWindowDefault, ProgressiveMetrics } from './evaluation/progressive-metrics.ts'
import { type ByteStream, decodeSections, joined, type Section, sectionOf, streamSections } from './model/sections.ts'
import { OpenBatch, type OpenBatchFacts, type TrainingRecord } from './open-batch.ts'
import { DeltaFeed, type DeltaFeedState } from './parameter-server/delta-feed.ts'
import { type DumpedState, DumpLedger } from './parameter-server/dump-ledger.ts'
import type { ParameterShard } from './parameter-server/parameter-shard.ts'
import {
  type GuardOptions,
  type GuardState,
  type Hold,
  PublicationGuard,
} from './parameter-server/publication-guard.ts'
import { type Rollback, type RollbackFacts, RollbackLine } from './parameter-server/rollbacks.ts'
import { SourceMarks, type SourceMarksState } from './parameter-server/source-marks.ts'
import { ShardLearner, type ShardLearnerOptions } from './shard-learner.ts'
import { type TrainingRow, trainingRow } from './training-row.ts'

export interface OnlineTrainerOptions extends ShardLearnerOptions {
  /** Event time between deltas. */
  readonly syncIntervalMs?: number
  readonly batchRowsMax?: number
  readonly metricsWindow?: number
  /** Of this partition of `examples`, in the order of `policies` (see rollbacksOf). */
  readonly rollbacks?: readonly Rollback[]
  /** When to hold publication; null: never. */
  readonly guard?: GuardOptions | null
  /** Told of each batch after it was learned, with what was predicted before: rows x heads, probabilities and seconds. */
  readonly onLearned?: (records: readonly TrainingRecord[], predictions: Float32Array) => void
}

/** Reads `examples` of one partition, writes `deltas.<model>`. */
export interface OnlineTrainer extends Processor {
  readonly shard: ParameterShard
  readonly metrics: ProgressiveMetrics
  /** Records that wait for their batch to close. */
  readonly pending: number
  /** Rollbacks behind the state. */
  readonly lineage: number
  /** Why nothing is published; null: all is well. */
  readonly held: Hold | null
  /** Gradients and predictions that were no numbers, since it started. */
  readonly nonFinite: number
  /** After a rollback's end was crossed, until the next dump: views of the lineage before need a snapshot. */
  readonly wantsCheckpoint: boolean
  /** See DumpLedger.at. */
  dumpedAt(next: number): DumpedState | null
  dumpParts(): Iterable<Uint8Array>
  /** Predictions with the present weights, records x heads in the order of schemas/labels; null for a record that would
   *  be rejected. Nothing is learned. */
  predict(records: readonly TrainingRecord[]): (Float32Array | null)[]
}

interface TrainerFacts {
  readonly line: RollbackFacts
  readonly feed: DeltaFeedState
  readonly guard: GuardState | null
  readonly marks: SourceMarksState
  readonly tickTimeMs: number
  readonly slice: number
  readonly drawCount: number
  readonly batch: OpenBatchFacts
}

/** Slices go round: any common multiple of the tables' counts of slices would do. */
const slicesMax = 2 ** 30

/** Await denseCompute() first. Throws config-invalid where spec and feature set do not fit. */
export function onlineTrainer(options: OnlineTrainerOptions): OnlineTrainer {
  return new BatchTrainer(options)
}

class BatchTrainer implements OnlineTrainer {
  readonly name = 'trainer'
  readonly metrics: ProgressiveMetrics
  readonly #learner: ShardLearner
  readonly #feed: DeltaFeed
  readonly #options: OnlineTrainerOptions
  readonly #batch: OpenBatch<TrainingRow>
  readonly #line: RollbackLine
  readonly #guard: PublicationGuard | null
  readonly #marks = new SourceMarks()
  readonly #ledger = new DumpLedger()
  #tickTimeMs = 0
  #slice = 0
  #nonFinite = 0
  #wantsCheckpoint = false

  constructor(options: OnlineTrainerOptions) {
    const { guard = {}, syncIntervalMs = 250, metricsWindow = metricsWindowDefault } = options
    this.#options = options
    this.#learner = new ShardLearner(options)
    this.#feed = new DeltaFeed(this.#learner.shard, syncIntervalMs)
    this.#batch = new OpenBatch((record) => trainingRow(record, this.#learner.layout))
    this.#line = new RollbackLine(options.rollbacks)
    this.#guard = guard && new PublicationGuard(guard)
    this.metrics = new ProgressiveMetrics(metricsWindow)
  }

  get shard(): ParameterShard {
    return this.#learner.shard
  }

  get pending(): number {
    return this.#batch.size
  }

  get lineage(): number {
    return this.#line.lineage
  }

  get held(): Hold | null {
    return this.#guard?.held ?? null
  }

  get nonFinite(): number {
    return this.#nonFinite
  }

  get wantsCheckpoint(): boolean {
    return this.#wantsCheckpoint
  }

  dumpedAt(next: number): DumpedState | null {
    return this.#ledger.at(next)
  }

  step(input: Recorded, output: StepOutput): void {
    this.#advance(input.offset)
    if (!this.#line.skips(input.offset)) this.#fold(input, output)
    this.#advance(input.offset + 1)
  }

  predict(records: readonly TrainingRecord[]): (Float32Array | null)[] {
    const rows = records.map((record) => trainingRow(record, this.#learner.layout))
    const accepted = rows.filter((row): row is TrainingRow => !('rejected' in row))
    const predictions = this.#learner.predict(accepted)
    const width = predictions.length / Math.max(1, accepted.length)
    let next = 0
    return rows.map((row) => {
      if ('rejected' in row) return null
      next += width
      return predictions.slice(next - width, next)
    })
  }

  dump(): Uint8Array {
    return joined(this.#stream())
  }

  dumpParts(): Iterable<Uint8Array> {
    return this.#stream().parts()
  }

  /** Throws RangeError on the state of another spec, and on one that holds what a rollback undoes. */
  load(dump: Uint8Array): void {
    const sections = decodeSections(dump)
    const facts = sections.facts as unknown as TrainerFacts
    this.#line.restore(facts.line)
    this.shard.load(sectionOf(sections, 'shard'))
    this.#learner.frequencies.load(sectionOf(sections, 'frequencies'), facts.drawCount)
    this.metrics.load(sectionOf(sections, 'metrics'))
    this.#batch.load(facts.batch, sectionOf(sections, 'pending'))
    this.#feed.restore(facts.feed)
    this.#marks.restore(facts.marks)
    if (facts.guard) this.#guard?.restore(facts.guard)
    this.#tickTimeMs = facts.tickTimeMs
    this.#slice = facts.slice
    this.#wantsCheckpoint = false
    this.#advance(facts.line.next)
  }

  /** Made at once but for the tables, which are read as the parts are taken. */
  #stream(): ByteStream {
    const batch = this.#batch.dump()
    const facts: TrainerFacts = {
      line: this.#line.facts(),
      feed: this.#feed.state(),
      guard: this.#guard?.state() ?? null,
      marks: this.#marks.state(),
      tickTimeMs: this.#tickTimeMs,
      slice: this.#slice,
      drawCount: this.#learner.frequencies.drawCount,
      batch: batch.facts,
    }
    const { next, lineage } = facts.line
    this.#ledger.note({ next, lineage, version: this.shard.version, isHeld: this.held !== null })
    this.#wantsCheckpoint = false
    const sections = new Map<string, Section>([
      ['shard', this.shard.stream(lineage)],
      ['frequencies', this.#learner.frequencies.dump()],
      ['metrics', this.metrics.dump()],
      ['pending', batch.bytes],
    ])
    return streamSections({ ...facts }, sections)
  }

  #advance(offset: number): void {
    if (!this.#line.advance(offset)) return
    this.#guard?.release()
    this.#wantsCheckpoint = true
  }

  #fold(input: Recorded, output: StepOutput): void {
    if (input.record.type === 'Tick') {
      this.#learn(input)
      this.#tick(input as Recorded<Tick>, output)
      return
    }
    const rejection = this.#batch.add(input)
    if (rejection) output.reject(rejection.rejected)
    else if (this.#batch.size >= (this.#options.batchRowsMax ?? 512)) this.#learn(input)
  }

  #tick(input: Recorded<Tick>, output: StepOutput): void {
    const { record, offset } = input
    this.#tickTimeMs = Math.max(this.#tickTimeMs, record.eventTimeMs)
    const watermarkMs = this.#marks.watermarkAt(this.#tickTimeMs)
    if (watermarkMs !== null) {
      this.shard.expire(watermarkMs, this.#slice)
      this.#slice = (this.#slice + 1) % slicesMax
    }
    if (!this.held) this.#feed.tick(input, output, { lineage: this.#line.lineageAt(offset) })
  }

  /** Learns what is pending; `input` closed the batch. */
  #learn({ partition, offset }: Recorded): void {
    const batch = this.#batch.close()
    if (!batch) return
    const { records, rows, toOffset } = batch
    const { predictions, nonFinite } = this.#learner.learn(rows)
    const quality = batchQuality(rows, predictions, nonFinite)
    this.#nonFinite += quality.nonFinite
    this.#guard?.note(quality, offset)
    for (const [rowIndex, row] of rows.entries()) {
      this.#feed.note(records[rowIndex]!)
      this.#marks.advance(partition, toOffset, row.eventTimeMs, this.#tickTimeMs)
      if (row.isFirst) this.metrics.add(predictions, row.after, rowIndex)
    }
    this.#options.onLearned?.(records, predictions)
  }
}
