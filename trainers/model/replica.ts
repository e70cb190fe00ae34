// A read-only copy of a model's parameters that follows the deltas of every bucket, each with a version of its own. One
// that loaded snapshots and followed from there holds the same values as one that followed from the start: weights are
// rounded to fp16 either way, counts never.

import type { Delta } from '../../schemas/generated.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { Table } from '../table/table.ts'
import { type Bucketing, bucketingOf } from './buckets.ts'
import type { TableFactory } from './initial-parameters.ts'
import type { ApplyResult, DenseParameter, Replica, RowReader } from './model.ts'
import type { ModelSpec } from './model-spec.ts'
import { ReplicaBucket } from './replica-bucket.ts'
import { routedRows } from './routed-rows.ts'
import { decodeSections, encodeSections, sectionOf } from './sections.ts'
import { servingSpec } from './serving-tables.ts'

export interface ReplicaOptions {
  /** Partitions of the model's topics; one by default. */
  readonly buckets?: number
  /** Tables to follow; the others are passed over. All by default. */
  readonly tableNames?: readonly string[]
}

/** A replica that is part of a processor's state. */
export interface DumpableReplica extends Replica {
  /** The tables of one bucket by name; none for one that holds no rows. */
  tablesOf(bucket: number): ReadonlyMap<string, Table>
  /** All buckets; equal replicas give equal bytes. */
  dump(): Uint8Array
  /** Continues from a dump of a replica of the same spec, tables and buckets. Throws RangeError on another. */
  restore(dump: Uint8Array): void
}

/**
 * Dense tensors are absent until the first delta or snapshot of their bucket that carries them: readers fall back on the
 * initial ones, which derive from the spec. `apply` throws RangeError, with nothing changed, on a delta that does not fit
 * the spec. Rows leave by tombstones alone: a replica admits all and expires nothing by itself.
 */
export function replica(spec: ModelSpec, tableFactory: TableFactory, options: ReplicaOptions = {}): DumpableReplica {
  return new BucketReplica(spec, tableFactory, options)
}

class BucketReplica implements DumpableReplica {
  readonly model: string
  readonly bucketing: Bucketing
  readonly #dense = new Map<string, DenseParameter>()
  readonly #buckets: readonly ReplicaBucket[]
  /** Item-side tables over all buckets. */
  readonly #routedByTable: ReadonlyMap<string, RowReader>

  constructor(spec: ModelSpec, tableFactory: TableFactory, { buckets = 1, tableNames }: ReplicaOptions) {
    this.model = spec.model
    this.bucketing = bucketingOf(spec, buckets)
    const { rowBuckets, denseBucket } = this.bucketing
    const followed = spec.tables.filter(({ name }) => tableNames?.includes(name) ?? true)
    this.#buckets = Array.from({ length: buckets }, (_, bucket) => {
      const own = bucket < rowBuckets ? followed : []
      const tables = new Map(own.map((table) => [table.name, tableFactory(servingSpec(table))]))
      return new ReplicaBucket({ spec, bucket, tables, dense: bucket === denseBucket ? this.#dense : null })
    })
    const itemSide = followed.filter(({ side }) => side === 'item')
    const rowOwners = this.#buckets.slice(0, rowBuckets)
    this.#routedByTable = new Map(
      itemSide.map(({ name }) => [
        name,
        routedRows(
          rowOwners.map(({ tables }) => tables.get(name)!),
          this.bucketing,
        ),
      ]),
    )
  }

  get dense(): ReadonlyMap<string, DenseParameter> {
    return this.#dense
  }

  get version(): number {
    return this.#buckets.reduce((sum, { version }) => sum + version, 0)
  }

  get rowsRefused(): number {
    return this.#buckets.reduce((sum, { rowsRefused }) => sum + rowsRefused, 0)
  }

  versionOf(bucket: number): number {
    return this.#bucket(bucket).version
  }

  rows(table: string, userBucket: number): RowReader {
    const found = this.#routedByTable.get(table) ?? this.#buckets[userBucket]?.tables.get(table)
    assert(found, `table ${table} of ${this.model} is followed, and bucket ${userBucket} holds rows`)
    return found
  }

  tablesOf(bucket: number): ReadonlyMap<string, Table> {
    return this.#bucket(bucket).tables
  }

  outcomeOf(delta: Delta): ApplyResult {
    return this.#bucketOf(delta).outcomeOf(delta)
  }

  apply(delta: Delta): ApplyResult {
    return this.#bucketOf(delta).apply(delta)
  }

  load(bucket: number, snapshot: Uint8Array): boolean {
    return this.#bucket(bucket).load(snapshot)
  }

  dump(): Uint8Array {
    const { buckets } = this.bucketing
    const sections = this.#buckets.map((bucket, number) => [`bucket/${number}`, bucket.dump()] as const)
    return encodeSections({ model: this.model, buckets }, new Map(sections))
  }

  restore(dump: Uint8Array): void {
    const sections = decodeSections(dump)
    const { buckets } = sections.facts
    if (buckets !== this.bucketing.buckets) {
      throw new RangeError(`dump of a replica of ${buckets} buckets, expected ${this.bucketing.buckets}`)
    }
    const dumps = this.#buckets.map((_, number) => sectionOf(sections, `bucket/${number}`))
    for (const [number, bucket] of this.#buckets.entries()) bucket.restore(dumps[number]!)
  }

  #bucketOf(delta: Delta): ReplicaBucket {
    if (delta.model !== this.model) throw new RangeError(`delta of ${delta.model} for a replica of ${this.model}`)
    return this.#bucket(delta.bucket)
  }

  #bucket(bucket: number): ReplicaBucket {
    const found = this.#buckets[bucket]
    if (!found) throw new RangeError(`bucket ${bucket} of ${this.model}, which has ${this.bucketing.buckets}`)
    return found
  }
}
