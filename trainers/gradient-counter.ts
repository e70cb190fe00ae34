// The counter where others own the counts: a fold of one partition of `examples` that sums the increments of each batch per
// row and sends them to `gradients.counts`, one chain of ranges per bucket. It asks nobody, so equal inputs give equal bytes.
import type { Gradient } from '../schemas/generated.ts'
import { encodeGradientRows, type TableGradient } from '../schemas/layouts/gradient-rows.ts'
import { gradientsOf } from '../schemas/topics.ts'
import { countDimension } from '../streams/features/count-columns.ts'
import { type CountIncrement, CountIncrements } from '../streams/features/count-increments.ts'
import type { FeatureSet } from '../streams/features/feature-set.ts'
import { partitionOf } from '../streams/log/log.ts'
import type { Processor, Recorded, StepOutput } from '../streams/processor/processor.ts'
import { assert } from '../streams/runtime/errors.ts'
import { BucketChains } from './bucket-chains.ts'
import { BucketRows } from './bucket-rows.ts'
import { bucketing } from './model/buckets.ts'
import type { ModelSpec } from './model/model-spec.ts'
import { decodeSections, encodeSections, sectionOf } from './model/sections.ts'
import { type ClosedBatch, OpenBatch, type OpenBatchFacts, type TrainingRecord } from './open-batch.ts'
import { receivedTimesOf } from './received-times.ts'
import type { RowGradients } from './table-batch.ts'
import type { Rejected } from './training-row.ts'

export interface GradientCounterOptions {
  /** Tables `totals` and `trends`. */
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  /** Partition of `examples` that it folds. */
  readonly examplePartition: number
  /** Partitions of `gradients.counts`. */
  readonly buckets: number
  readonly batchRowsMax?: number
}

interface CountedRow {
  readonly increments: readonly CountIncrement[]
  readonly eventTimeMs: number
}

interface GradientCounterFacts {
  readonly batch: OpenBatchFacts
  readonly previousTo: readonly number[]
}

/** Reads `examples` of one partition, writes `gradients.counts`. Repeats after a restart are ignored by the owners. */
export function gradientCounter(options: GradientCounterOptions): Processor {
  const { spec, featureSet, examplePartition, batchRowsMax = 512 } = options
  for (const { name, dimension } of spec.tables) {
    assert(dimension === countDimension, `table ${name} has one column per count`)
  }
  const layout = bucketing(options.buckets, false)
  const increments = new CountIncrements(featureSet)
  const batch = new OpenBatch((record) => countedRow(record, featureSet, increments))
  const bucketRows = new BucketRows(spec, layout, examplePartition)
  const chains = new BucketChains(options.buckets)

  function close(output: StepOutput): void {
    const closed = batch.close()
    if (!closed) return
    const { records, rows, fromOffset, toOffset } = closed
    const shares = Array.from({ length: layout.rowBuckets }, (): TableGradient[] => [])
    for (const { name } of spec.tables) bucketRows.share(summed(name, closed), shares)
    const eventTimeMs = rows.reduce((newest, row) => Math.max(newest, row.eventTimeMs), 0)
    const receivedTimes = receivedTimesOf(records)
    for (const [bucket, share] of shares.entries()) {
      if (share.length === 0) continue
      const gradient: Gradient = {
        type: 'Gradient',
        bucket,
        examplePartition,
        ...chains.send(bucket, fromOffset, toOffset),
        eventTimeMs,
        rows: encodeGradientRows(share),
        receivedTimes,
        dense: [],
        quality: null,
      }
      output.emit(gradientsOf(spec.model), String(bucket), gradient, partitionOf(bucket))
    }
  }

  return {
    name: 'counter',
    step(input: Recorded, output: StepOutput): void {
      assert(input.partition === examplePartition, 'the partition is the one it was made for')
      if (input.record.type === 'Tick') {
        close(output)
        return
      }
      const rejection = batch.add(input)
      if (rejection) output.reject(rejection.rejected)
      else if (batch.size >= batchRowsMax) close(output)
    },
    dump() {
      const { facts, bytes } = batch.dump()
      const state: GradientCounterFacts = { batch: facts, previousTo: chains.state() }
      return encodeSections({ ...state }, new Map([['pending', bytes]]))
    },
    load(dump) {
      const sections = decodeSections(dump)
      const facts = sections.facts as unknown as GradientCounterFacts
      batch.load(facts.batch, sectionOf(sections, 'pending'))
      chains.restore(facts.previousTo)
    },
  }
}

function countedRow(
  record: TrainingRecord,
  featureSet: FeatureSet,
  increments: CountIncrements,
): CountedRow | Rejected {
  if (record.featureSet !== featureSet.fingerprint) {
    return { rejected: `features of set ${record.featureSet}, these counts take ${featureSet.fingerprint}` }
  }
  try {
    return { increments: increments.of(record) ? increments.copies() : [], eventTimeMs: record.eventTimeMs }
  } catch (cause) {
    if (cause instanceof RangeError) return { rejected: cause.message }
    throw cause
  }
}

/** One table's increments, ids in order of first appearance. A sum of zero stays: the row was counted. */
function summed(table: string, { rows }: ClosedBatch<CountedRow>): RowGradients {
  const indexById = new Map<bigint, number>()
  const places = rows.reduce((sum, { increments }) => sum + increments.length, 0)
  const ids = new BigUint64Array(places)
  const values = new Float32Array(places * countDimension)
  const eventTimesMs = new Float64Array(places).fill(Number.NEGATIVE_INFINITY)
  const occurrences = new Uint32Array(places)
  for (const { increments, eventTimeMs } of rows) {
    for (const increment of increments) {
      if (increment.table !== table) continue
      const index = indexById.get(increment.id) ?? indexById.size
      indexById.set(increment.id, index)
      ids[index] = increment.id
      occurrences[index]!++
      eventTimesMs[index] = Math.max(eventTimesMs[index]!, eventTimeMs)
      const start = index * countDimension
      for (let column = 0; column < countDimension; column++) {
        values[start + column] = values[start + column]! + increment.values[column]!
      }
    }
  }
  const count = indexById.size
  return { table, dimension: countDimension, count, ids, values, eventTimesMs, occurrences, nonFinite: 0 }
}
