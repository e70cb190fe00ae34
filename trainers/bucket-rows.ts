// Parts a batch's rows by the buckets that own them: what to pull from each before the step, and each bucket's share of the
// gradients after it. Which buckets a batch touches depends on its ids alone.
import type { TableGradient } from '../schemas/layouts/gradient-rows.ts'
import { assert } from '../streams/runtime/errors.ts'
import { type Bucketing, positionsByBucket, userBucketOf } from './model/buckets.ts'
import type { ModelSpec, ModelTableSpec } from './model/model-spec.ts'
import type { RowPull } from './parameter-server/parameter-client.ts'
import type { RowGradients, TableBatch } from './table-batch.ts'

export interface PullPlan {
  readonly pulls: readonly RowPull[]
  /** Buckets that hold a row of the batch, ascending. */
  readonly touched: readonly number[]
  /** Moves what was pulled to where the batch takes it from. */
  place(): void
}

export class BucketRows {
  readonly #layout: Bucketing
  readonly #userBucket: number
  readonly #sideByTable: ReadonlyMap<string, ModelTableSpec['side']>

  constructor(spec: ModelSpec, layout: Bucketing, examplePartition: number) {
    this.#layout = layout
    this.#userBucket = userBucketOf(examplePartition, layout)
    this.#sideByTable = new Map(spec.tables.map(({ name, side }) => [name, side]))
  }

  plan(batches: readonly TableBatch[]): PullPlan {
    const touched = new Set<number>()
    const parts = batches.flatMap((batch) => {
      const { table, dimension } = batch
      return this.positions(table, batch.ids, batch.count).flatMap((positions, bucket) => {
        if (positions.length === 0) return []
        touched.add(bucket)
        const ids = chosen(batch.ids, positions, new BigUint64Array(positions.length))
        const out = new Float32Array(ids.length * dimension)
        return [{ batch, positions, pull: { bucket, table, ids, out } }]
      })
    })
    return {
      pulls: parts.map(({ pull }) => pull),
      touched: [...touched].sort((left, right) => left - right),
      place() {
        for (const { batch, positions, pull } of parts) scatter(pull.out, positions, batch.dimension, batch.values)
      },
    }
  }

  /** Adds a table's rows to the shares of the buckets that own them. Copies. */
  share(rows: RowGradients, sharesByBucket: readonly TableGradient[][]): void {
    const { table, dimension, ids, values, eventTimesMs, occurrences } = rows
    for (const [bucket, positions] of this.positions(table, ids, rows.count).entries()) {
      if (positions.length === 0) continue
      sharesByBucket[bucket]!.push({
        table,
        dimension,
        ids: chosen(ids, positions, new BigUint64Array(positions.length)),
        eventTimesMs: chosen(eventTimesMs, positions, new Float64Array(positions.length)),
        occurrences: chosen(occurrences, positions, new Uint32Array(positions.length)),
        values: gather(values, positions, dimension),
      })
    }
  }

  /** Positions of the first `count` ids by row bucket. */
  positions(table: string, ids: BigUint64Array, count: number): Uint32Array[] {
    const side = this.#sideByTable.get(table)
    assert(side, `table ${table} is one of the model`)
    return positionsByBucket(side, ids, count, this.#userBucket, this.#layout)
  }
}

function chosen<Numbers extends { [index: number]: bigint | number }>(
  from: Numbers,
  positions: Uint32Array,
  to: Numbers,
): Numbers {
  for (let index = 0; index < positions.length; index++) to[index] = from[positions[index]!]!
  return to
}

function scatter(from: Float32Array, positions: Uint32Array, dimension: number, to: Float32Array): void {
  for (let index = 0; index < positions.length; index++) {
    const place = positions[index]! * dimension
    for (let column = 0; column < dimension; column++) to[place + column] = from[index * dimension + column]!
  }
}

function gather(from: Float32Array, positions: Uint32Array, dimension: number): Float32Array {
  const to = new Float32Array(positions.length * dimension)
  for (let index = 0; index < positions.length; index++) {
    const place = positions[index]! * dimension
    for (let column = 0; column < dimension; column++) to[index * dimension + column] = from[place + column]!
  }
  return to
}
