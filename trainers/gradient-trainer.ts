// The trainer where others own the parameters: a fold of one partition of `examples` that pulls the rows of each batch,
// predicts it, and sends what it learned to `gradients.<model>` as one chain of ranges per bucket. What it read depends on
// when it read it; which ranges it sends does not: started again from any checkpoint it sends the same ones.
import type { BatchQuality, DenseTensor, Gradient, Tick } from '../schemas/generated.ts'
import { encodeGradientRows, type TableGradient } from '../schemas/layouts/gradient-rows.ts'
import { gradientsOf } from '../schemas/topics.ts'
import type { FeatureSet } from '../streams/features/feature-set.ts'
import { partitionOf } from '../streams/log/log.ts'
import type { Processor, Recorded, StepOutput } from '../streams/processor/processor.ts'
import { assert } from '../streams/runtime/errors.ts'
import type { Runtime } from '../streams/runtime/runtime.ts'
import { batchQuality } from './batch-quality.ts'
import { BucketChains } from './bucket-chains.ts'
import { BucketRows } from './bucket-rows.ts'
import { DenseSums, type DenseSumsFacts } from './dense-sums.ts'
import { metricsWindowDefault, ProgressiveMetrics } from './evaluation/progressive-metrics.ts'
import { type GradientSink, Learner } from './learner.ts'
import { type Bucketing, bucketing } from './model/buckets.ts'
import { initialDense } from './model/initial-parameters.ts'
import { modelLayout } from './model/model-layout.ts'
import type { ModelSpec } from './model/model-spec.ts'
import { decodeSections, encodeSections, sectionOf } from './model/sections.ts'
import { type ClosedBatch, OpenBatch, type OpenBatchFacts, type TrainingRecord } from './open-batch.ts'
import type { ParameterClient } from './parameter-server/parameter-client.ts'
import { receivedTimesOf } from './received-times.ts'
import { RemoteParameters } from './remote-parameters.ts'
import { rowsInPlace, type TrainingRow } from './training-row.ts'

export interface GradientTrainerOptions {
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  readonly client: ParameterClient
  readonly runtime: Pick<Runtime, 'timers'>
  /** Partition of `examples` that it folds. */
  readonly examplePartition: number
  /** Partitions of `gradients.<model>`. */
  readonly buckets: number
  /** Event time between sendings of the dense gradients. */
  readonly syncIntervalMs?: number
  readonly batchRowsMax?: number
  /** A bucket's owner may be this many ranges behind; beyond that the trainer waits for it. */
  readonly batchesAheadMax?: number
  readonly metricsWindow?: number
  /** Told of each batch after it was learned, with what was predicted before: rows x heads, probabilities and seconds. */
  readonly onLearned?: (records: readonly TrainingRecord[], predictions: Float32Array) => void
}

/** Reads `examples` of one partition, writes `gradients.<model>`. Its outputs go to partitions that other trainers write to
 *  as well; one that starts again may repeat some, and the owners ignore those. */
export interface GradientTrainer extends Processor {
  readonly metrics: ProgressiveMetrics
  /** Records that wait for their batch to close. */
  readonly pending: number
  /** How often it waited for an owner that was too far behind, since it started. */
  readonly waits: number
  /** Gradients and predictions that were no numbers, since it started. */
  readonly nonFinite: number
  stop(): void
}

interface GradientTrainerFacts {
  readonly batch: OpenBatchFacts
  readonly drawCount: number
  /** Not there in states of before it was kept. */
  readonly exampleBatchRows?: number
  readonly previousTo: readonly number[]
  readonly syncedTimeMs: number
  readonly sums: DenseSumsFacts
}

interface GradientContent {
  readonly rows: readonly TableGradient[]
  readonly dense: readonly DenseTensor[]
  readonly eventTimeMs: number
  readonly receivedTimes: Gradient['receivedTimes']
  readonly quality: BatchQuality | null
}

/** Await denseCompute() first. Throws config-invalid where spec and feature set do not fit. */
export function gradientTrainer(options: GradientTrainerOptions): GradientTrainer {
  return new RemoteTrainer(options)
}

class RemoteTrainer implements GradientTrainer {
  readonly name = 'trainer'
  readonly metrics: ProgressiveMetrics
  readonly #options: GradientTrainerOptions
  readonly #layout: Bucketing
  readonly #denseBucket: number
  readonly #learner: Learner
  readonly #batch: OpenBatch<TrainingRow>
  readonly #bucketRows: BucketRows
  readonly #chains: BucketChains
  readonly #sums: DenseSums
  readonly #parameters: RemoteParameters
  #syncedTimeMs = Number.MIN_SAFE_INTEGER
  #nonFinite = 0

  constructor(options: GradientTrainerOptions) {
    const { spec, featureSet, buckets, examplePartition, client, runtime } = options
    const layout = modelLayout(spec, featureSet)
    const initial = initialDense(spec, layout)
    this.#options = options
    this.#layout = bucketing(buckets, true)
    this.#denseBucket = this.#layout.denseBucket!
    this.#batch = new OpenBatch(rowsInPlace(layout))
    this.#bucketRows = new BucketRows(spec, this.#layout, examplePartition)
    this.#chains = new BucketChains(buckets)
    this.#sums = new DenseSums(initial)
    this.#parameters = new RemoteParameters({
      client,
      runtime,
      examplePartition,
      chains: this.#chains,
      denseBucket: this.#denseBucket,
      anyTable: spec.tables[0]!.name,
      batchesAheadMax: options.batchesAheadMax ?? 8,
    })
    this.#learner = new Learner({ spec, layout, initial, dense: this.#parameters.dense })
    this.metrics = new ProgressiveMetrics(options.metricsWindow ?? metricsWindowDefault)
  }

  get pending(): number {
    return this.#batch.size
  }

  get waits(): number {
    return this.#parameters.waits
  }

  get nonFinite(): number {
    return this.#nonFinite
  }

  step(input: Recorded, output: StepOutput): void | Promise<void> {
    assert(input.partition === this.#options.examplePartition, 'the partition is the one it was made for')
    if (input.record.type === 'Tick') return this.#tick(input as Recorded<Tick>, output)
    const rejection = this.#batch.add(input)
    if (rejection) output.reject(rejection.rejected)
    else if (this.#batch.size >= (this.#options.batchRowsMax ?? 512)) return this.#learn(false, output)
  }

  stop(): void {
    this.#parameters.stop()
  }

  dump(): Uint8Array {
    const [batch, sums] = [this.#batch.dump(), this.#sums.dump()]
    const facts: GradientTrainerFacts = {
      batch: batch.facts,
      drawCount: this.#learner.frequencies.drawCount,
      exampleBatchRows: this.#learner.exampleBatchRows,
      previousTo: this.#chains.state(),
      syncedTimeMs: this.#syncedTimeMs,
      sums: sums.facts,
    }
    const sections = new Map<string, Uint8Array>([
      ['frequencies', this.#learner.frequencies.dump()],
      ['metrics', this.metrics.dump()],
      ['pending', batch.bytes],
      ['sums', sums.bytes],
    ])
    return encodeSections({ ...facts }, sections)
  }

  load(dump: Uint8Array): void {
    const sections = decodeSections(dump)
    const facts = sections.facts as unknown as GradientTrainerFacts
    this.#learner.frequencies.load(sectionOf(sections, 'frequencies'), facts.drawCount)
    this.#learner.exampleBatchRows = facts.exampleBatchRows ?? 0
    this.metrics.load(sectionOf(sections, 'metrics'))
    this.#batch.load(facts.batch, sectionOf(sections, 'pending'))
    this.#sums.load(facts.sums, sectionOf(sections, 'sums'))
    this.#chains.restore(facts.previousTo)
    this.#syncedTimeMs = facts.syncedTimeMs
    this.#parameters.reset()
  }

  #tick({ record, offset }: Recorded<Tick>, output: StepOutput): void | Promise<void> {
    const isSync = record.eventTimeMs >= this.#syncedTimeMs + (this.#options.syncIntervalMs ?? 100)
    if (isSync) this.#syncedTimeMs = record.eventTimeMs
    if (this.pending > 0 || (isSync && !this.#sums.isEmpty)) return this.#closeAt(offset, isSync, output)
  }

  async #closeAt(tickOffset: number, isSync: boolean, output: StepOutput): Promise<void> {
    if (this.pending > 0) await this.#learn(isSync, output)
    if (!isSync || this.#sums.isEmpty) return
    await this.#parameters.waitFor(this.#denseBucket)
    const { dense, eventTimeMs, quality, ...range } = this.#sums.take()!
    // Where one bucket holds everything, its chain has these examples already: the Tick itself is what comes next in it.
    const isOwnChain = this.#layout.buckets > 1
    const { fromOffset, toOffset } = isOwnChain ? range : { fromOffset: tickOffset, toOffset: tickOffset + 1 }
    const content = { rows: [], dense, eventTimeMs, receivedTimes: [], quality: isOwnChain ? quality : null }
    this.#send(this.#denseBucket, fromOffset, toOffset, content, output)
    this.#parameters.expireDense()
  }

  async #learn(isSync: boolean, output: StepOutput): Promise<void> {
    const batch = this.#batch.close()!
    const { records, rows, fromOffset, toOffset } = batch
    const plan = this.#bucketRows.plan(this.#learner.collect(rows))
    await this.#parameters.pull(plan)
    const shares = Array.from({ length: this.#layout.rowBuckets }, (): TableGradient[] => [])
    const { predictions, quality } = this.#gradients(batch, shares)
    const eventTimeMs = rows.reduce((newest, row) => Math.max(newest, row.eventTimeMs), 0)
    this.#sums.note({ fromOffset, toOffset, eventTimeMs, quality })
    const receivedTimes = receivedTimesOf(records)
    for (const bucket of plan.touched) {
      const takesDense = isSync && bucket === this.#denseBucket
      const dense = takesDense ? this.#sums.take()!.dense : []
      if (takesDense) this.#parameters.expireDense()
      const content = { rows: shares[bucket]!, dense, eventTimeMs, receivedTimes, quality }
      this.#send(bucket, fromOffset, toOffset, content, output)
    }
    for (const [rowIndex, row] of rows.entries())
      if (row.isFirst) this.metrics.add(predictions, row.after, rowIndex, row.weight)
    this.#options.onLearned?.(records, predictions)
  }

  /** Learns: row gradients go to the shares of their buckets, dense ones to the sums. */
  #gradients({ rows }: ClosedBatch<TrainingRow>, shares: readonly TableGradient[][]) {
    let nonFinite = 0
    const sink: GradientSink = {
      rows: (gradients) => {
        nonFinite += gradients.nonFinite
        this.#bucketRows.share(gradients, shares)
      },
      dense: (name, gradient) => {
        if (!this.#sums.add(name, gradient)) nonFinite++
      },
    }
    const predictions = this.#learner.learn(rows, sink)
    const quality = batchQuality(rows, predictions, nonFinite)
    this.#nonFinite += quality.nonFinite
    return { predictions, quality }
  }

  #send(bucket: number, fromOffset: number, toOffset: number, content: GradientContent, output: StepOutput): void {
    const { spec, examplePartition } = this.#options
    const gradient: Gradient = {
      type: 'Gradient',
      bucket,
      examplePartition,
      ...this.#chains.send(bucket, fromOffset, toOffset),
      ...content,
      rows: encodeGradientRows(content.rows),
    }
    output.emit(gradientsOf(spec.model), String(bucket), gradient, partitionOf(bucket))
  }
}
