// The owner of one bucket: a fold of its partition of `gradients.<model>` that counts each range of examples once, publishes
// what changed, and can be cut and resumed at any record with the same bytes. Who owns it is not in its state.
import type { Gradient, Tick } from '../../schemas/generated.ts'
import { examples } from '../../schemas/topics.ts'
import type { Processor, Recorded, StepOutput } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { type Bucketing, bucketingOf } from '../model/buckets.ts'
import type { TableFactory } from '../model/initial-parameters.ts'
import type { DenseParameter } from '../model/model.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { type ByteStream, decodeSections, joined, sectionOf, streamSections } from '../model/sections.ts'
import type { PushResult, Table } from '../table/table.ts'
import { DeltaFeed, type DeltaFeedState } from './delta-feed.ts'
import { type DumpedState, DumpLedger } from './dump-ledger.ts'
import { type FittingGradient, fittingGradient } from './gradient-fit.ts'
import { type DenseOptimizer, ParameterShard } from './parameter-shard.ts'
import { type GuardOptions, type GuardState, type Hold, PublicationGuard } from './publication-guard.ts'
import { type Rollback, type RollbackFacts, RollbackLine } from './rollbacks.ts'
import { SourceMarks, type SourceMarksState } from './source-marks.ts'

export interface ShardProcessorOptions {
  readonly spec: ModelSpec
  readonly bucket: number
  /** Partitions of `gradients.<model>`. */
  readonly buckets: number
  readonly tableFactory: TableFactory
  /** Tensors to start from, and how each learns: they matter in the dense bucket alone. */
  readonly dense?: ReadonlyMap<string, DenseParameter>
  readonly denseOptimizerOf?: (name: string) => DenseOptimizer
  /** Event time between deltas. */
  readonly syncIntervalMs?: number
  readonly epoch?: number
  /** Of this partition, in the order of `policies` (see rollbacksOf). */
  readonly rollbacks?: readonly Rollback[]
  readonly rowsPerDeltaMax?: number
  readonly syncsPerDense?: number
  /** For models that predict; null: none. */
  readonly guard?: GuardOptions | null
}

/** What this life did; not part of the state. */
export interface ShardCounts {
  /** Gradients applied. */
  applied: number
  /** Ranges that were folded before. */
  repeats: number
  /** Ranges refused because one before them is missing. */
  gaps: number
  /** Gradients refused because they do not fit the model or the bucket. */
  misfits: number
  /** Inputs that a rollback undoes. */
  skipped: number
  rowsUpdated: number
  rowsNonFinite: number
  rowsBadTime: number
  rowsNoMemory: number
  rowsUnadmitted: number
  rowsEvicted: number
  rowsExpired: number
  /** Dense gradients refused because they were not finite. */
  denseNonFinite: number
}

/** Reads one partition of `gradients.<model>`, writes the same one of `deltas.<model>`. */
export interface ShardProcessor extends Processor {
  readonly model: string
  readonly bucket: number
  readonly tables: ReadonlyMap<string, Table>
  /** Empty but in the dense bucket. */
  readonly dense: ReadonlyMap<string, DenseParameter>
  /** Grows with each dense step, and where a rollback puts other tensors in place. */
  readonly denseVersion: number
  /** Version of the newest delta. */
  readonly version: number
  readonly lineage: number
  /** Why nothing is published; null: all is well. */
  readonly held: Hold | null
  readonly counts: Readonly<ShardCounts>
  /** After a rollback's end was crossed, until the next dump: views of the lineage before need a snapshot. */
  readonly wantsCheckpoint: boolean
  /** End of the newest range folded of this partition of `examples`; 0: none. */
  markOf(examplePartition: number): number
  /** See DumpLedger.at. */
  dumpedAt(next: number): DumpedState | null
  dumpParts(): Iterable<Uint8Array>
}

interface ShardFacts {
  readonly line: RollbackFacts
  readonly marks: SourceMarksState
  readonly tickTimeMs: number
  readonly slice: number
  readonly denseVersion: number
  readonly feed: DeltaFeedState
  readonly guard: GuardState | null
}

/** Slices go round: any common multiple of the tables' counts of slices would do. */
const slicesMax = 2 ** 30

export function shardProcessor(options: ShardProcessorOptions): ShardProcessor {
  return new GradientFold(options)
}

class GradientFold implements ShardProcessor {
  readonly name = 'parameter-shard'
  readonly model: string
  readonly bucket: number
  readonly counts: ShardCounts = { ...noCounts }
  readonly #spec: ModelSpec
  readonly #layout: Bucketing
  readonly #shard: ParameterShard
  readonly #line: RollbackLine
  readonly #marks = new SourceMarks()
  readonly #feed: DeltaFeed
  readonly #guard: PublicationGuard | null
  readonly #ledger = new DumpLedger()
  #tickTimeMs = 0
  #slice = 0
  #denseVersion = 0
  #wantsCheckpoint = false

  constructor({ dense, ...options }: ShardProcessorOptions) {
    const { spec, bucket, buckets, syncIntervalMs = 250, rollbacks } = options
    assert(Number.isInteger(bucket) && bucket >= 0 && bucket < buckets, `bucket ${bucket} is one of ${buckets}`)
    this.#spec = spec
    this.model = spec.model
    this.bucket = bucket
    this.#layout = bucketingOf(spec, buckets)
    const isDense = bucket === this.#layout.denseBucket
    this.#shard = new ParameterShard({ ...options, dense: (isDense ? dense : undefined) ?? new Map() })
    this.#line = new RollbackLine(rollbacks)
    this.#feed = new DeltaFeed(this.#shard, syncIntervalMs)
    const { guard = spec.ranker ? {} : null } = options
    this.#guard = guard && new PublicationGuard(guard)
  }

  get tables(): ReadonlyMap<string, Table> {
    return this.#shard.tables
  }

  get dense(): ReadonlyMap<string, DenseParameter> {
    return this.#shard.dense
  }

  get denseVersion(): number {
    return this.#denseVersion
  }

  get version(): number {
    return this.#shard.version
  }

  get lineage(): number {
    return this.#line.lineage
  }

  get held(): Hold | null {
    return this.#guard?.held ?? null
  }

  get wantsCheckpoint(): boolean {
    return this.#wantsCheckpoint
  }

  markOf(examplePartition: number): number {
    return this.#marks.markOf(examplePartition)
  }

  dumpedAt(next: number): DumpedState | null {
    return this.#ledger.at(next)
  }

  step(input: Recorded, output: StepOutput): void {
    const { record, offset } = input
    this.#advance(offset)
    if (record.type === 'Tick') this.#tick(input as Recorded<Tick>, output)
    else if (record.type === 'Gradient') this.#fold(record, offset, output)
    else output.reject(`a ${record.type} is no gradient`)
    this.#advance(offset + 1)
  }

  dump(): Uint8Array {
    return joined(this.#stream())
  }

  dumpParts(): Iterable<Uint8Array> {
    return this.#stream().parts()
  }

  /** Throws RangeError on the state of another spec or bucket, and on one that holds what a rollback undoes. */
  load(dump: Uint8Array): void {
    const sections = decodeSections(dump)
    const facts = sections.facts as unknown as ShardFacts
    this.#line.restore(facts.line)
    this.#shard.load(sectionOf(sections, 'shard'))
    this.#marks.restore(facts.marks)
    this.#feed.restore(facts.feed)
    if (facts.guard) this.#guard?.restore(facts.guard)
    this.#tickTimeMs = facts.tickTimeMs
    this.#slice = facts.slice
    this.#denseVersion = facts.denseVersion
    this.#wantsCheckpoint = false
    this.#advance(facts.line.next)
  }

  /** Made at once but for the tables, which are read as the parts are taken. */
  #stream(): ByteStream {
    const facts: ShardFacts = {
      line: this.#line.facts(),
      marks: this.#marks.state(),
      tickTimeMs: this.#tickTimeMs,
      slice: this.#slice,
      denseVersion: this.#denseVersion,
      feed: this.#feed.state(),
      guard: this.#guard?.state() ?? null,
    }
    const { next, lineage } = facts.line
    this.#ledger.note({ next, lineage, version: this.#shard.version, isHeld: this.held !== null })
    this.#wantsCheckpoint = false
    return streamSections({ ...facts }, new Map([['shard', this.#shard.stream(lineage)]]))
  }

  #advance(offset: number): void {
    if (!this.#line.advance(offset)) return
    this.#guard?.release()
    this.#wantsCheckpoint = true
    // Odd: above every step before this offset, below every step from it on.
    this.#denseVersion = Math.max(this.#denseVersion, 2 * offset + 1)
  }

  #fold(gradient: Gradient, offset: number, output: StepOutput): void {
    const { bucket, examplePartition, fromOffset, previousToOffset, toOffset, eventTimeMs } = gradient
    const range = `examples/${examplePartition} [${fromOffset}, ${toOffset}) after ${previousToOffset}`
    if (bucket !== this.bucket) {
      this.counts.misfits++
      output.reject(`${range} is for bucket ${bucket}, this is ${this.bucket}`)
      return
    }
    const outcome = this.#marks.outcomeOf(examplePartition, previousToOffset, toOffset)
    if (outcome === 'repeated') {
      this.counts.repeats++
      return
    }
    if (outcome === 'gap' || fromOffset < previousToOffset) {
      this.counts.gaps++
      output.reject(`${range} does not follow what is folded, which ends at ${this.markOf(examplePartition)}`)
      return
    }
    // A gradient that does not fit takes its range along: those after it would all be refused otherwise.
    this.#marks.advance(examplePartition, toOffset, eventTimeMs, this.#tickTimeMs)
    if (this.#line.skips(offset)) {
      this.counts.skipped++
      return
    }
    const fitting = fittingGradient(gradient, this.#spec, this.#layout, this.dense)
    if ('misfit' in fitting) {
      this.counts.misfits++
      output.reject(`${range}: ${fitting.misfit}`)
      return
    }
    this.#apply(fitting, offset)
    this.#feed.noteBatch(eventTimeMs, gradient.receivedTimes)
    if (gradient.quality) this.#guard?.note(gradient.quality, offset)
    this.counts.applied++
  }

  #apply({ rows, dense }: FittingGradient, offset: number): void {
    for (const { table, ids, values, eventTimesMs, occurrences } of rows) {
      const result = this.#shard.push(table, ids, ids.length, values, eventTimesMs, occurrences)
      this.#count(result)
      if (result.nonFinite > 0) this.#guard?.hold('non-finite', offset)
    }
    for (const { name, values } of dense) {
      if (this.#shard.pushDense(name, values)) {
        this.#denseVersion = 2 * (offset + 1)
        continue
      }
      this.counts.denseNonFinite++
      this.#guard?.hold('non-finite', offset)
    }
  }

  #count(result: PushResult): void {
    this.counts.rowsUpdated += result.updated
    this.counts.rowsNonFinite += result.nonFinite
    this.counts.rowsBadTime += result.badTime
    this.counts.rowsNoMemory += result.noMemory
    this.counts.rowsUnadmitted += result.unadmitted
    this.counts.rowsEvicted += result.evicted
  }

  #tick(input: Recorded<Tick>, output: StepOutput): void {
    this.#tickTimeMs = Math.max(this.#tickTimeMs, input.record.eventTimeMs)
    if (this.#line.skips(input.offset)) {
      this.counts.skipped++
      return
    }
    const watermarkMs = this.#marks.watermarkAt(this.#tickTimeMs)
    if (watermarkMs !== null) {
      this.counts.rowsExpired += this.#shard.expire(watermarkMs, this.#slice)
      this.#slice = (this.#slice + 1) % slicesMax
    }
    if (this.held) return
    const lineage = this.#line.lineageAt(input.offset)
    this.#feed.tick(input, output, { lineage, trainedThrough: this.#marks.trainedThrough(examples) })
  }
}

const noCounts: ShardCounts = {
  applied: 0,
  repeats: 0,
  gaps: 0,
  misfits: 0,
  skipped: 0,
  rowsUpdated: 0,
  rowsNonFinite: 0,
  rowsBadTime: 0,
  rowsNoMemory: 0,
  rowsUnadmitted: 0,
  rowsEvicted: 0,
  rowsExpired: 0,
  denseNonFinite: 0,
}
