// The counter of lockstep mode: a fold of `examples` into the rows of model `counts`, published at the same sync interval as
// weights, so that counts get the same exactness and freshness.
import type { Example, LabelCorrection, Tick } from '../../schemas/generated.ts'
import { type CountTable, countDimension, countTables } from '../../streams/features/count-columns.ts'
import { CountIncrements, type MovedRows } from '../../streams/features/count-increments.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import type { Processor, Recorded, StepOutput } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
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
    assert(countTables.includes(name as CountTable), `table ${name} is one of counts`)
    assert(dimension === countDimension, `table ${name} has one column per count`)
  }
  return new ExampleCounts(options)
}

class ExampleCounts implements CountShard {
  readonly name = 'counter'
  readonly #tables: readonly CountTable[]
  readonly #featureSet: FeatureSet
  readonly #owned: OwnedBucket
  readonly #increments: CountIncrements
  readonly #rows = new IncrementRows()

  constructor(options: CountShardOptions) {
    this.#tables = options.spec.tables.map(({ name }) => name as CountTable)
    this.#increments = new CountIncrements(options.featureSet)
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
      const bad = this.#read(record)
      if (bad !== null) {
        output.reject(bad)
        return
      }
      const { marks, feed, tickTimeMs } = this.#owned
      marks.advance(partition, offset + 1, record.eventTimeMs, tickTimeMs)
      feed.note(record)
    }
  }

  /** Counts the record; the reason where its features or labels are of a wrong length. */
  #read(record: Example | LabelCorrection): string | null {
    const increments = this.#increments
    try {
      if (!increments.of(record)) return null
    } catch (cause) {
      if (cause instanceof RangeError) return cause.message
      throw cause
    }
    const { shard } = this.#owned
    for (const table of this.#tables) {
      this.#rows.push(shard, table, increments.rows(table), increments.values, record.eventTimeMs)
    }
    return null
  }
}

/** One record's increments of a table's rows, as a push takes them. Used again from record to record. */
class IncrementRows {
  #values = new Float32Array(0)
  #eventTimesMs = new Float64Array(0)

  push(
    shard: ParameterShard,
    table: string,
    { ids, count }: MovedRows,
    values: Float32Array,
    eventTimeMs: number,
  ): void {
    if (count === 0) return
    if (ids.length > this.#eventTimesMs.length) {
      this.#values = new Float32Array(ids.length * countDimension)
      this.#eventTimesMs = new Float64Array(ids.length)
    }
    for (let row = 0; row < count; row++) {
      this.#eventTimesMs[row] = eventTimeMs
      const start = row * countDimension
      for (let column = 0; column < countDimension; column++) this.#values[start + column] = values[column]!
    }
    shard.push(table, ids, count, this.#values, this.#eventTimesMs)
  }
}
