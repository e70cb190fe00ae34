// The lockstep trainer: a fold of `examples` that predicts each batch before it learns it, owns what it learns, and publishes
// what changed. A batch closes at 512 records or at a Tick, never by the clock, so equal inputs give equal states, predictions
// and deltas, byte for byte.
import type { Tick } from '../schemas/generated.ts'
import type { Processor, Recorded, StepOutput } from '../streams/processor/processor.ts'
import { batchQuality } from './batch-quality.ts'
import { metricsWindowDefault, ProgressiveMetrics } from './evaluation/progressive-metrics.ts'
import { type ByteStream, decodeSections, joined, type Section, sectionOf } from './model/sections.ts'
import { OpenBatch, type OpenBatchFacts, type TrainingRecord } from './open-batch.ts'
import type { DumpedState } from './parameter-server/dump-ledger.ts'
import { OwnedBucket, type OwningOptions } from './parameter-server/owned-bucket.ts'
import type { ParameterShard } from './parameter-server/parameter-shard.ts'
import type { Hold } from './parameter-server/publication-guard.ts'
import { type RowPull, ShardLearner, type ShardLearnerOptions } from './shard-learner.ts'
import { rowsInPlace, type TrainingRow, trainingRow } from './training-row.ts'

export interface OnlineTrainerOptions extends ShardLearnerOptions, OwningOptions {
  readonly batchRowsMax?: number
  readonly metricsWindow?: number
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
   *  be rejected. Nothing is learned. `pull` gives the rows instead of the shard. */
  predict(records: readonly TrainingRecord[], pull?: RowPull): (Float32Array | null)[]
}

interface TrainerFacts {
  readonly drawCount: number
  /** Not there in states of before it was kept. */
  readonly exampleBatchRows?: number
  readonly batch: OpenBatchFacts
}

/** Await denseCompute() first. Throws config-invalid where spec and feature set do not fit. */
export function onlineTrainer(options: OnlineTrainerOptions): OnlineTrainer {
  return new BatchTrainer(options)
}

class BatchTrainer implements OnlineTrainer {
  readonly name = 'trainer'
  readonly metrics: ProgressiveMetrics
  readonly #learner: ShardLearner
  readonly #owned: OwnedBucket
  readonly #options: OnlineTrainerOptions
  readonly #batch: OpenBatch<TrainingRow>
  #nonFinite = 0

  constructor(options: OnlineTrainerOptions) {
    const { metricsWindow = metricsWindowDefault } = options
    this.#options = options
    this.#learner = new ShardLearner(options)
    this.#owned = new OwnedBucket(this.#learner.shard, options)
    this.#batch = new OpenBatch(rowsInPlace(this.#learner.layout))
    this.metrics = new ProgressiveMetrics(metricsWindow)
  }

  get shard(): ParameterShard {
    return this.#learner.shard
  }

  get pending(): number {
    return this.#batch.size
  }

  get lineage(): number {
    return this.#owned.lineage
  }

  get held(): Hold | null {
    return this.#owned.held
  }

  get nonFinite(): number {
    return this.#nonFinite
  }

  get wantsCheckpoint(): boolean {
    return this.#owned.wantsCheckpoint
  }

  dumpedAt(next: number): DumpedState | null {
    return this.#owned.dumpedAt(next)
  }

  step(input: Recorded, output: StepOutput): void {
    this.#owned.advance(input.offset)
    if (!this.#owned.skips(input.offset)) this.#fold(input, output)
    this.#owned.advance(input.offset + 1)
  }

  predict(records: readonly TrainingRecord[], pull?: RowPull): (Float32Array | null)[] {
    const rows = records.map((record) => trainingRow(record, this.#learner.layout))
    const accepted = rows.filter((row): row is TrainingRow => !('rejected' in row))
    const predictions = this.#learner.predict(accepted, pull)
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
    const next = this.#owned.load(sections)
    this.#learner.frequencies.load(sectionOf(sections, 'frequencies'), facts.drawCount)
    this.#learner.exampleBatchRows = facts.exampleBatchRows ?? 0
    this.metrics.load(sectionOf(sections, 'metrics'))
    this.#batch.load(facts.batch, sectionOf(sections, 'pending'))
    this.#owned.advance(next)
  }

  /** Made at once but for the tables, which are read as the parts are taken. */
  #stream(): ByteStream {
    const batch = this.#batch.dump()
    const { exampleBatchRows, frequencies } = this.#learner
    const facts: TrainerFacts = { drawCount: frequencies.drawCount, exampleBatchRows, batch: batch.facts }
    const sections = new Map<string, Section>([
      ['frequencies', frequencies.dump()],
      ['metrics', this.metrics.dump()],
      ['pending', batch.bytes],
    ])
    return this.#owned.stream({ ...facts }, sections)
  }

  #fold(input: Recorded, output: StepOutput): void {
    if (input.record.type === 'Tick') {
      this.#learn(input)
      this.#owned.tick(input as Recorded<Tick>, output)
      return
    }
    const rejection = this.#batch.add(input)
    if (rejection) output.reject(rejection.rejected)
    else if (this.#batch.size >= (this.#options.batchRowsMax ?? 512)) this.#learn(input)
  }

  /** Learns what is pending; `input` closed the batch. */
  #learn({ partition, offset }: Recorded): void {
    const batch = this.#batch.close()
    if (!batch) return
    const { records, rows, toOffset } = batch
    const { predictions, nonFinite } = this.#learner.learn(rows)
    const quality = batchQuality(rows, predictions, nonFinite)
    this.#nonFinite += quality.nonFinite
    const { guard, feed, marks, tickTimeMs } = this.#owned
    guard?.note(quality, offset)
    for (const [rowIndex, row] of rows.entries()) {
      feed.note(records[rowIndex]!)
      marks.advance(partition, toOffset, row.eventTimeMs, tickTimeMs)
      if (row.isFirst) this.metrics.add(predictions, row.after, rowIndex, row.weight)
    }
    this.#options.onLearned?.(records, predictions)
  }
}
