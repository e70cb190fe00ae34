// Streams of gradients for tests of whoever folds them: steps are what trainers of several example partitions did, records
// are what lies in a partition of `gradients.<model>`.
import fc from 'fast-check'
import type { AnyRecord, BatchQuality, Gradient } from '../../schemas/generated.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { encodeGradientRows, type TableGradient } from '../../schemas/layouts/gradient-rows.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import type { DenseParameter } from '../model/model.ts'
import { type ModelTableSpec, modelSpec } from '../model/model-spec.ts'
import { sampleSpec } from '../model/sample-features.ts'
import { recorded, tick } from '../planted-world.ts'

export const streamDimension = 4

const specWith = (more: Partial<ModelTableSpec>) =>
  modelSpec({ ...sampleSpec, tables: sampleSpec.tables.map((table) => ({ ...table, ...more })) })

/** Tables `item` (item-side) and `user` (user-side) of four columns, beside the sample's others. */
export const streamSpec = sampleSpec
export const expiringSpec = specWith({ rowsMax: 1_000, expiresAfterMs: 1_000 })
/** Rows are admitted, evicted and expired all the time. */
export const tightSpec = specWith({
  rowsMax: 12,
  expiresAfterMs: 1_000,
  admission: { occurrences: 2, counters: 16 },
})
/** Running sums, whose order does not matter for whole numbers. */
export const sumSpec = specWith({ optimizer: { kind: 'sum' }, initialScale: 0 })

/** One dense tensor, fresh. */
export const streamDense = (): Map<string, DenseParameter> =>
  new Map([['w', { name: 'w', shape: [2], values: Float32Array.of(1, -1) }]])

export interface StreamRow {
  readonly table: string
  readonly id: bigint
  readonly value: number
}

export interface BatchStep {
  readonly partition: number
  readonly examples: number
  readonly eventTimeMs: number
  readonly rows: readonly StreamRow[]
  readonly dense?: number | null
  readonly quality?: BatchQuality
}

/** A batch, or how much time passes until a Tick. */
export type StreamStep = BatchStep | { readonly passesMs: number }

const isBatch = (step: StreamStep): step is BatchStep => 'partition' in step

/** Chains the ranges of each partition. */
export class GradientChains {
  readonly #endByPartition = new Map<number, number>()
  readonly #bucket: number

  constructor(bucket = 0) {
    this.#bucket = bucket
  }

  next({ partition, examples, eventTimeMs, rows, dense = null, quality }: BatchStep): Gradient {
    const previousToOffset = this.#endByPartition.get(partition) ?? 0
    const toOffset = previousToOffset + examples
    this.#endByPartition.set(partition, toOffset)
    return {
      type: 'Gradient',
      bucket: this.#bucket,
      examplePartition: partition,
      fromOffset: previousToOffset,
      toOffset,
      previousToOffset,
      eventTimeMs,
      rows: encodeGradientRows(tableGradients(rows, eventTimeMs)),
      receivedTimes: [{ receivedTimeMs: eventTimeMs, examples }],
      dense: dense === null ? [] : [{ name: 'w', shape: [2], values: encodeFloats(Float32Array.of(dense, -dense)) }],
      quality: quality ?? null,
    }
  }
}

export function gradientRecords(steps: readonly StreamStep[]): Recorded[] {
  const chains = new GradientChains()
  let tickTimeMs = 0
  const records = steps.map((step): AnyRecord => {
    if (isBatch(step)) return chains.next(step)
    tickTimeMs += step.passesMs
    return tick(tickTimeMs)
  })
  return inLog(records)
}

/** As they lie in the one partition of the topic. */
export function inLog(records: readonly AnyRecord[], firstOffset = 0): Recorded[] {
  return recorded(records, 'gradients.sample', firstOffset)
}

function tableGradients(rows: readonly StreamRow[], eventTimeMs: number): TableGradient[] {
  const names = [...new Set(rows.map(({ table }) => table))]
  return names.map((table) => {
    const own = rows.filter((row) => row.table === table)
    return {
      table,
      dimension: streamDimension,
      ids: BigUint64Array.from(own, ({ id }) => id),
      eventTimesMs: new Float64Array(own.length).fill(eventTimeMs),
      occurrences: new Uint32Array(own.length).fill(1),
      values: Float32Array.from(own.flatMap(({ value }) => [value, -value, 2 * value, 0])),
    }
  })
}

const anyRow = fc.record({
  table: fc.constantFrom('item', 'user'),
  id: fc.bigInt(1n, 24n),
  value: fc.integer({ min: -4, max: 4 }),
})

export const anyBatch = fc.record({
  partition: fc.nat(2),
  examples: fc.integer({ min: 1, max: 5 }),
  eventTimeMs: fc.nat(5_000),
  rows: fc.uniqueArray(anyRow, { selector: ({ table, id }) => `${table} ${id}`, maxLength: 5 }),
  dense: fc.option(fc.integer({ min: -3, max: 3 })),
})

export const anySteps: fc.Arbitrary<StreamStep[]> = fc.array(
  fc.oneof({ weight: 3, arbitrary: anyBatch }, { weight: 1, arbitrary: fc.record({ passesMs: fc.nat(600) }) }),
  { maxLength: 40 },
)
