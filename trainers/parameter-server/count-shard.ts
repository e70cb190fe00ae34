// The counter of lockstep mode: a fold of `examples` into the rows of model `counts`, published at the same sync interval as
// weights, so that counts get the same exactness and freshness.
import type { Tick } from '../../schemas/generated.ts'
import { countDimension } from '../../streams/features/count-columns.ts'
import { type CountIncrement, countIncrements } from '../../streams/features/count-increments.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import type { Processor, Recorded, StepOutput } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { decodeSections, joined } from '../model/sections.ts'
import type { DumpedState } from './dump-ledger.ts'
import { OwnedBucket, type OwnedBucketOptions } from './owned-bucket.ts'
import { ParameterShard } from './parameter-shard.ts'

/** `spec` has the tables `totals` and `trends`. */
export interface CountShardOptions extends Omit<OwnedBucketOptions, 'dense' | 'denseOptimizerOf' | 'guard'> {
  readonly featureSet: FeatureSet
}

/** Reads `examples` of one partition, writes `deltas.counts`. */
export interface CountShard extends Processor {
  readonly shard: ParameterShard
  /** After a rollback's end was crossed, until the next dump. */
  readonly wantsCheckpoint: boolean
  /** See DumpLedger.at. */
  dumpedAt(next: number): DumpedState | null
  dumpParts(): Iterable<Uint8Array>
}

export function countShard(options: CountShardOptions): CountShard {
  for (const { name, dimension } of options.spec.tables) {
    assert(dimension === countDimension, `table ${name} has one column per count`)
  }
  return new ExampleCounts(options)
}

class ExampleCounts implements CountShard {
  readonly name = 'counter'
  readonly #spec: ModelSpec
  readonly #featureSet: FeatureSet
  readonly #owned: OwnedBucket
  readonly #rows = new IncrementRows()

  constructor(options: CountShardOptions) {
    this.#spec = options.spec
    this.#featureSet = options.featureSet
    this.#owned = new OwnedBucket(new ParameterShard(options), { ...options, guard: null })
  }

  get shard(): ParameterShard {
    return this.#owned.shard
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

  dump(): Uint8Array {
    return joined(this.#owned.stream())
  }

  dumpParts(): Iterable<Uint8Array> {
    return this.#owned.stream().parts()
  }

  /** Throws RangeError on another state, and on one that holds what a rollback undoes. */
  load(dump: Uint8Array): void {
    this.#owned.advance(this.#owned.load(decodeSections(dump)))
  }

  #fold(input: Recorded, output: StepOutput): void {
    const { record, offset, partition } = input
    const { fingerprint } = this.#featureSet
    if (record.type === 'Tick') this.#owned.tick(input as Recorded<Tick>, output)
    else if (record.type !== 'Example' && record.type !== 'LabelCorrection') {
      output.reject(`a ${record.type} is no example`)
    } else if (record.featureSet !== fingerprint) {
      output.reject(`features of set ${record.featureSet}, these counts take ${fingerprint}`)
    } else {
      const increments = tryIncrements(() => countIncrements(record, this.#featureSet))
      if (typeof increments === 'string') {
        output.reject(increments)
        return
      }
      const { shard, marks, feed, tickTimeMs } = this.#owned
      for (const { name } of this.#spec.tables) this.#rows.push(shard, name, increments, record.eventTimeMs)
      marks.advance(partition, offset + 1, record.eventTimeMs, tickTimeMs)
      feed.note(record)
    }
  }
}

/** Features of a wrong length are a bad record. */
function tryIncrements(read: () => CountIncrement[]): CountIncrement[] | string {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof RangeError) return cause.message
    throw cause
  }
}

/** One table's increments of one record, as a push takes them. Used again from record to record. */
class IncrementRows {
  #ids = new BigUint64Array(64)
  #values = new Float32Array(64 * countDimension)
  #eventTimesMs = new Float64Array(64)

  push(shard: ParameterShard, table: string, increments: readonly CountIncrement[], eventTimeMs: number): void {
    if (increments.length > this.#ids.length) this.#grow(2 * increments.length)
    let count = 0
    for (let index = 0; index < increments.length; index++) {
      const { table: own, id, values } = increments[index]!
      if (own !== table) continue
      this.#ids[count] = id
      this.#eventTimesMs[count] = eventTimeMs
      const start = count * countDimension
      for (let column = 0; column < countDimension; column++) this.#values[start + column] = values[column]!
      count++
    }
    if (count > 0) shard.push(table, this.#ids, count, this.#values, this.#eventTimesMs)
  }

  #grow(capacity: number): void {
    this.#ids = new BigUint64Array(capacity)
    this.#values = new Float32Array(capacity * countDimension)
    this.#eventTimesMs = new Float64Array(capacity)
  }
}
