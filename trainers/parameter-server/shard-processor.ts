// The owner of one bucket: a fold of its partition of `gradients.<model>` that counts each range of examples once, publishes
// what changed, and can be cut and resumed at any record with the same bytes. Who owns it is not in its state.
import type { Gradient, Tick } from '../../schemas/generated.ts'
import { examples } from '../../schemas/topics.ts'
import type { Processor, Recorded, StepOutput } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { type Bucketing, bucketingOf } from '../model/buckets.ts'
import type { DenseParameter } from '../model/model.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { type ByteStream, decodeSections, joined } from '../model/sections.ts'
import type { Table } from '../table/table.ts'
import type { DumpedState } from './dump-ledger.ts'
import { type FittingGradient, fittingGradient } from './gradient-fit.ts'
import { OwnedBucket, type OwnedBucketOptions } from './owned-bucket.ts'
import { ParameterShard } from './parameter-shard.ts'
import type { Hold } from './publication-guard.ts'
import { countPush, newShardCounts, type ShardCounts } from './shard-counts.ts'

export type { ShardCounts }

/** Dense tensors matter in the dense bucket alone. */
export interface ShardProcessorOptions extends OwnedBucketOptions {
  readonly bucket: number
  /** Partitions of `gradients.<model>`. */
  readonly buckets: number
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

export function shardProcessor(options: ShardProcessorOptions): ShardProcessor {
  return new GradientFold(options)
}

class GradientFold implements ShardProcessor {
  readonly name = 'parameter-shard'
  readonly model: string
  readonly bucket: number
  readonly #counts = newShardCounts()
  readonly #spec: ModelSpec
  readonly #layout: Bucketing
  readonly #owned: OwnedBucket
  #denseVersion = 0

  constructor({ dense, ...options }: ShardProcessorOptions) {
    const { spec, bucket, buckets } = options
    assert(Number.isInteger(bucket) && bucket >= 0 && bucket < buckets, `bucket ${bucket} is one of ${buckets}`)
    this.#spec = spec
    this.model = spec.model
    this.bucket = bucket
    this.#layout = bucketingOf(spec, buckets)
    const isDense = bucket === this.#layout.denseBucket
    const shard = new ParameterShard({ ...options, dense: (isDense && dense) || new Map() })
    this.#owned = new OwnedBucket(shard, options)
  }

  get tables(): ReadonlyMap<string, Table> {
    return this.#owned.shard.tables
  }

  get dense(): ReadonlyMap<string, DenseParameter> {
    return this.#owned.shard.dense
  }

  get denseVersion(): number {
    return this.#denseVersion
  }

  get version(): number {
    return this.#owned.shard.version
  }

  get lineage(): number {
    return this.#owned.lineage
  }

  get held(): Hold | null {
    return this.#owned.held
  }

  get counts(): Readonly<ShardCounts> {
    return { ...this.#counts, rowsExpired: this.#owned.rowsExpired }
  }

  get wantsCheckpoint(): boolean {
    return this.#owned.wantsCheckpoint
  }

  markOf(examplePartition: number): number {
    return this.#owned.marks.markOf(examplePartition)
  }

  dumpedAt(next: number): DumpedState | null {
    return this.#owned.dumpedAt(next)
  }

  step(input: Recorded, output: StepOutput): void {
    const { record, offset } = input
    this.#advance(offset)
    if (this.#owned.skips(offset)) this.#counts.skipped++
    if (record.type === 'Gradient') this.#fold(record, offset, output)
    else if (record.type === 'Tick') {
      this.#owned.tick(input as Recorded<Tick>, output, this.#owned.marks.trainedThrough(examples))
    } else output.reject(`a ${record.type} is no gradient`)
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
    const next = this.#owned.load(sections)
    this.#denseVersion = sections.facts.denseVersion as number
    this.#advance(next)
  }

  #stream(): ByteStream {
    return this.#owned.stream({ denseVersion: this.#denseVersion })
  }

  #advance(next: number): void {
    // Odd: above every step before this offset, below every step from it on.
    if (this.#owned.advance(next)) this.#denseVersion = Math.max(this.#denseVersion, 2 * next + 1)
  }

  #fold(gradient: Gradient, offset: number, output: StepOutput): void {
    const { bucket, examplePartition, fromOffset, previousToOffset, toOffset, eventTimeMs } = gradient
    const range = `examples/${examplePartition} [${fromOffset}, ${toOffset}) after ${previousToOffset}`
    if (bucket !== this.bucket) {
      this.#counts.misfits++
      output.reject(`${range} is for bucket ${bucket}, this is ${this.bucket}`)
      return
    }
    const outcome = this.#owned.marks.outcomeOf(examplePartition, previousToOffset, toOffset)
    if (outcome === 'repeated') {
      this.#counts.repeats++
      return
    }
    if (outcome === 'gap' || fromOffset < previousToOffset) {
      this.#counts.gaps++
      output.reject(`${range} does not follow what is folded, which ends at ${this.markOf(examplePartition)}`)
      return
    }
    // A gradient that does not fit takes its range along: those after it would all be refused otherwise.
    this.#owned.marks.advance(examplePartition, toOffset, eventTimeMs, this.#owned.tickTimeMs)
    if (this.#owned.skips(offset)) return
    const fitting = fittingGradient(gradient, this.#spec, this.#layout, this.dense)
    if ('misfit' in fitting) {
      this.#counts.misfits++
      output.reject(`${range}: ${fitting.misfit}`)
      return
    }
    this.#apply(fitting, offset)
    this.#owned.feed.noteBatch(eventTimeMs, gradient.receivedTimes)
    if (gradient.quality) this.#owned.guard?.note(gradient.quality, offset)
    this.#counts.applied++
  }

  #apply({ rows, dense }: FittingGradient, offset: number): void {
    for (const { table, ids, values, eventTimesMs, occurrences } of rows) {
      const result = this.#owned.shard.push(table, ids, ids.length, values, eventTimesMs, occurrences)
      countPush(this.#counts, result)
      if (result.nonFinite > 0) this.#owned.guard?.hold('non-finite', offset)
    }
    for (const { name, values } of dense) {
      if (this.#owned.shard.pushDense(name, values)) {
        this.#denseVersion = 2 * (offset + 1)
        continue
      }
      this.#counts.denseNonFinite++
      this.#owned.guard?.hold('non-finite', offset)
    }
  }
}
