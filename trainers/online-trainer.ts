// The trainer: a fold of `examples` that predicts each batch before it learns it and publishes what changed. A batch closes
// at 512 records or at a Tick, never by the clock, so equal inputs give equal states, predictions and deltas, byte for byte.
import { decode, encode } from '../schemas/codec.ts'
import type { AnyRecord, Example, LabelCorrection, Tick } from '../schemas/generated.ts'
import type { Processor, Recorded, StepOutput } from '../streams/processor/processor.ts'
import { metricsWindowDefault, ProgressiveMetrics } from './evaluation/progressive-metrics.ts'
import { decodeSections, encodeSections, sectionOf } from './model/sections.ts'
import { DeltaFeed, type DeltaFeedState } from './parameter-server/delta-feed.ts'
import type { ParameterShard } from './parameter-server/parameter-shard.ts'
import { ShardLearner, type ShardLearnerOptions } from './shard-learner.ts'
import { type TrainingRow, trainingRow } from './training-row.ts'

export interface OnlineTrainerOptions extends ShardLearnerOptions {
  /** Event time between deltas. */
  readonly syncIntervalMs?: number
  readonly batchRowsMax?: number
  readonly metricsWindow?: number
  /** Told of each batch after it was learned, with what was predicted before: rows x heads, probabilities and seconds. */
  readonly onLearned?: (records: readonly TrainingRecord[], predictions: Float32Array) => void
}

export type TrainingRecord = Example | LabelCorrection

/** Reads `examples` of one partition, writes `deltas.<model>`. */
export interface OnlineTrainer extends Processor {
  readonly shard: ParameterShard
  readonly metrics: ProgressiveMetrics
  /** Records that wait for their batch to close. */
  readonly pending: number
  /** Predictions with the present weights, records x heads in the order of schemas/labels; null for a record that would
   *  be rejected. Nothing is learned. */
  predict(records: readonly TrainingRecord[]): (Float32Array | null)[]
}

interface TrainerFacts {
  readonly feed: DeltaFeedState
  readonly drawCount: number
  /** Bytes of each pending record. */
  readonly pending: readonly number[]
}

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
  readonly #batchRowsMax: number
  #records: TrainingRecord[] = []
  #rows: TrainingRow[] = []

  constructor(options: OnlineTrainerOptions) {
    this.#options = options
    this.#learner = new ShardLearner(options)
    this.#feed = new DeltaFeed(this.#learner.shard, options.syncIntervalMs ?? 250)
    this.#batchRowsMax = options.batchRowsMax ?? 512
    this.metrics = new ProgressiveMetrics(options.metricsWindow ?? metricsWindowDefault)
  }

  get shard(): ParameterShard {
    return this.#learner.shard
  }

  get pending(): number {
    return this.#rows.length
  }

  step(input: Recorded, output: StepOutput): void {
    const { record } = input
    if (record.type === 'Tick') {
      this.#closeBatch()
      this.#feed.tick(input as Recorded<Tick>, output)
      return
    }
    if (record.type !== 'Example' && record.type !== 'LabelCorrection') {
      output.reject(`a ${record.type} is no example`)
      return
    }
    const row = trainingRow(record, this.#learner.layout)
    if ('rejected' in row) {
      output.reject(row.rejected)
      return
    }
    this.#records.push(record)
    this.#rows.push(row)
    if (this.#rows.length >= this.#batchRowsMax) this.#closeBatch()
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
    const pending = this.#records.map((record) => encode(record))
    const facts: TrainerFacts = {
      feed: this.#feed.state(),
      drawCount: this.#learner.frequencies.drawCount,
      pending: pending.map((bytes) => bytes.byteLength),
    }
    const sections = new Map<string, Uint8Array>([
      ['shard', this.shard.dump()],
      ['frequencies', this.#learner.frequencies.dump()],
      ['metrics', this.metrics.dump()],
      ['pending', Buffer.concat(pending)],
    ])
    return encodeSections({ ...facts }, sections)
  }

  load(dump: Uint8Array): void {
    const sections = decodeSections(dump)
    const { feed, drawCount, pending } = sections.facts as unknown as TrainerFacts
    this.shard.load(sectionOf(sections, 'shard'))
    this.#learner.frequencies.load(sectionOf(sections, 'frequencies'), drawCount)
    this.metrics.load(sectionOf(sections, 'metrics'))
    this.#feed.restore(feed)
    this.#records = []
    this.#rows = []
    let byteOffset = 0
    for (const length of pending) {
      const record = decode(sectionOf(sections, 'pending').slice(byteOffset, byteOffset + length))
      byteOffset += length
      this.#restore(record)
    }
  }

  #restore(record: AnyRecord | { readonly type: 'undecodable'; readonly reason: string }): void {
    if (record.type !== 'Example' && record.type !== 'LabelCorrection') {
      throw new RangeError(`a ${record.type} among the pending examples`)
    }
    const row = trainingRow(record, this.#learner.layout)
    if ('rejected' in row) throw new RangeError(`a pending example does not fit: ${row.rejected}`)
    this.#records.push(record)
    this.#rows.push(row)
  }

  #closeBatch(): void {
    if (this.#rows.length === 0) return
    const [records, rows] = [this.#records, this.#rows]
    this.#records = []
    this.#rows = []
    const { predictions } = this.#learner.learn(rows)
    for (const [rowIndex, row] of rows.entries()) {
      this.#feed.note(records[rowIndex]!)
      if (row.isFirst) this.metrics.add(predictions, row.after, rowIndex)
    }
    this.#options.onLearned?.(records, predictions)
  }
}
