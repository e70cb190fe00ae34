// The deltas and snapshots of one owner dealt out to the buckets they would belong to, for tests: whoever follows the
// buckets must end where one who follows the single owner does.
import type { Delta, TableDelta } from '../../schemas/generated.ts'
import { type DeltaRows, decodeDeltaRows, encodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import { mapTable } from '../table/map-table.ts'
import { type Bucketing, positionsByBucket } from './buckets.ts'
import type { DenseParameter, Parameters } from './model.ts'
import type { ModelSpec } from './model-spec.ts'
import { encodeSnapshot, specFingerprint } from './snapshot.ts'

/** The delta of each bucket, all under the versions of the whole; user-side rows are those of `userBucket`. */
export function bucketDeltas(spec: ModelSpec, delta: Delta, layout: Bucketing, userBucket = 0): Delta[] {
  const tables = delta.tables.map((change) => sharesOf(spec, change, layout, userBucket))
  return Array.from({ length: layout.buckets }, (_, bucket) => ({
    ...delta,
    bucket,
    tables: tables.flatMap((shares) => shares[bucket] ?? []),
    dense: bucket === layout.denseBucket ? delta.dense : [],
  }))
}

function sharesOf(spec: ModelSpec, change: TableDelta, layout: Bucketing, userBucket: number): (TableDelta | null)[] {
  const { side } = spec.tables.find(({ name }) => name === change.table)!
  const rows = decodeDeltaRows(change.rows, change.dimension, change.half)
  const removed = new BigUint64Array(new Uint8Array(change.tombstones).buffer)
  const removedPositions = positionsByBucket(side, removed, removed.length, userBucket, layout)
  return positionsByBucket(side, rows.ids, rows.ids.length, userBucket, layout).map((positions, bucket) => {
    const gone = BigUint64Array.from(removedPositions[bucket]!, (position) => removed[position]!)
    if (positions.length + gone.length === 0) return null
    const own = encodeDeltaRows(chosen(rows, positions, change.dimension), change.half)
    return { ...change, rows: own, tombstones: new Uint8Array(gone.buffer) }
  })
}

function chosen(rows: DeltaRows, positions: Uint32Array, dimension: number): DeltaRows {
  const values = new Float32Array(positions.length * dimension)
  for (const [index, position] of positions.entries()) {
    values.set(rows.values.subarray(position * dimension, (position + 1) * dimension), index * dimension)
  }
  return {
    ids: BigUint64Array.from(positions, (position) => rows.ids[position]!),
    eventTimesMs: Float64Array.from(positions, (position) => rows.eventTimesMs[position]!),
    values,
  }
}

/** Ids of every table's rows, as the deltas brought them. */
export function idsByTable(deltas: readonly Delta[]): Map<string, BigUint64Array> {
  const out = new Map<string, Set<bigint>>()
  for (const { table, rows, dimension, half } of deltas.flatMap(({ tables }) => tables)) {
    const ids = out.get(table) ?? new Set()
    out.set(table, ids)
    for (const id of decodeDeltaRows(rows, dimension, half).ids) ids.add(id)
  }
  return new Map([...out].map(([table, ids]) => [table, BigUint64Array.from(ids)]))
}

export interface BucketSnapshotOptions {
  readonly spec: ModelSpec
  readonly layout: Bucketing
  readonly bucket: number
  readonly userBucket?: number
  /** What the single owner holds. */
  readonly parameters: Parameters
  readonly ids: ReadonlyMap<string, BigUint64Array>
  readonly version: number
  readonly lineage?: number
}

/** What the owner of the bucket would have written. Rows without an id in `ids` are left out. */
export function bucketSnapshot(options: BucketSnapshotOptions): Uint8Array {
  const { spec, layout, bucket, userBucket = 0, parameters, version, lineage = 0 } = options
  const dumpByTable = new Map<string, Uint8Array>()
  for (const { side, ...table } of spec.tables) {
    const all = options.ids.get(table.name) ?? new BigUint64Array(0)
    const positions = positionsByBucket(side, all, all.length, userBucket, layout)[bucket] ?? new Uint32Array(0)
    const reader = parameters.rows(table.name, 0)
    const present = new Uint8Array(1)
    const ids = BigUint64Array.from(positions, (position) => all[position]!).filter((id) => {
      reader.contains(BigUint64Array.of(id), 1, present)
      return present[0] === 1
    })
    const values = new Float32Array(ids.length * table.dimension)
    const eventTimesMs = new Float64Array(ids.length)
    reader.pull(ids, ids.length, values)
    reader.eventTimes(ids, ids.length, eventTimesMs)
    const own = mapTable(table)
    own.set(ids, ids.length, values, eventTimesMs)
    dumpByTable.set(table.name, own.dump())
  }
  const dense: ReadonlyMap<string, DenseParameter> = bucket === layout.denseBucket ? parameters.dense : new Map()
  return encodeSnapshot({
    facts: { model: spec.model, spec: specFingerprint(spec), bucket, version, syncs: 0, lineage },
    dumpByTable,
    dense,
    accumulators: new Map(),
    state: new Map(),
  })
}

/** All that can be read of rows of four columns. */
export function rowsRead(parameters: Parameters, table: string, ids: BigUint64Array, userBucket = 0) {
  const rows = parameters.rows(table, userBucket)
  const values = new Float32Array(ids.length * 4)
  const eventTimesMs = new Float64Array(ids.length)
  const flags = new Uint8Array(ids.length)
  rows.pull(ids, ids.length, values)
  rows.eventTimes(ids, ids.length, eventTimesMs)
  rows.contains(ids, ids.length, flags)
  return { values, eventTimesMs, flags }
}
