// A backlog of gradients as trainers of the shipped model would send them: batches of examples whose ids follow Zipf's law,
// parted by bucket, chained so that an owner refuses none. The same seed gives the same bytes.
import { encode } from '../../schemas/codec.ts'
import type { Gradient } from '../../schemas/generated.ts'
import { crossRowId, type RowId, rowId } from '../../schemas/ids.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { encodeGradientRows, type TableGradient } from '../../schemas/layouts/gradient-rows.ts'
import { gradientsOf } from '../../schemas/topics.ts'
import { type Log, type NewRecord, partitionOf } from '../../streams/log/log.ts'
import { BucketChains } from '../../trainers/bucket-chains.ts'
import { BucketRows } from '../../trainers/bucket-rows.ts'
import { bucketingOf } from '../../trainers/model/buckets.ts'
import type { DenseParameter } from '../../trainers/model/model.ts'
import type { ModelSpec, ModelTableSpec } from '../../trainers/model/model-spec.ts'
import { IdBatch } from '../../trainers/table/id-batch.ts'
import { type SeededRandom, seededRandom } from '../simulation/seeded-random.ts'

export interface BacklogOptions {
  readonly log: Log
  readonly spec: ModelSpec
  readonly dense: ReadonlyMap<string, DenseParameter>
  readonly buckets: number
  readonly examplePartitions: number
  readonly batches: number
  readonly examplesPerBatch: number
}

/** What lies in one bucket up to and with each of its records, by offset. */
export interface BucketBacklog {
  readonly rows: readonly number[]
  readonly bytes: readonly number[]
}

export interface Backlog {
  readonly byBucket: readonly BucketBacklog[]
  readonly examples: number
  readonly rows: number
  readonly bytes: number
}

/** Ids of one example in one slot: how many, of how many there are. Where a slot is crossed, the other side's. */
interface Draw {
  readonly slot: string
  readonly count: number
  readonly population: number
}

const users = 1_000_000
const videos = 1_000_000
/** Kinds of things on one machine's share of a service; lists as long as a user with some history has them. */
const drawn: readonly Draw[] = [
  { slot: 'userXsurface', count: 1, population: 4 },
  { slot: 'userXcreator', count: 1, population: 100_000 },
  { slot: 'userXhashtag', count: 3, population: 50_000 },
  { slot: 'userXdurationBand', count: 1, population: 8 },
  { slot: 'region', count: 1, population: 200 },
  { slot: 'language', count: 1, population: 50 },
  { slot: 'device', count: 1, population: 20 },
  { slot: 'network', count: 1, population: 4 },
  { slot: 'hour', count: 1, population: 24 },
  { slot: 'weekday', count: 1, population: 7 },
  { slot: 'surface', count: 1, population: 4 },
  { slot: 'userAttributes.0', count: 12, population: 200 },
  { slot: 'interests', count: 4, population: 100 },
  { slot: 'recentPositive', count: 8, population: videos },
  { slot: 'recentNegative', count: 5, population: videos },
  { slot: 'video', count: 1, population: videos },
  { slot: 'creator', count: 1, population: 100_000 },
  { slot: 'sound', count: 1, population: 100_000 },
  { slot: 'hashtags', count: 3, population: 50_000 },
  { slot: 'durationBand', count: 1, population: 8 },
  { slot: 'videoLanguage', count: 1, population: 50 },
  { slot: 'videoAttributes.0', count: 6, population: 1_000 },
  { slot: 'videoXsurface', count: 1, population: 4 * videos },
  { slot: 'hashtagXsurface', count: 3, population: 4 * 50_000 },
]

const batchesPerTick = 4
const tickMs = 100
/** Of one partition: the towers and the ranker are sent about as often as deltas go out. */
const batchesPerDense = 3
const batchesPerAppend = 4

/** Appends the whole backlog; resolves when it is durable. */
export async function fillBacklog(options: BacklogOptions): Promise<Backlog> {
  const { log, spec, buckets, batches, examplesPerBatch, examplePartitions } = options
  const topic = gradientsOf(spec.model)
  const byBucket = Array.from({ length: buckets }, () => ({ rows: [] as number[], bytes: [] as number[] }))
  const source = new GradientSource(options)
  const startMs = Date.now() - batches * (tickMs / batchesPerTick)
  for (let batch = 0; batch < batches; ) {
    const records: NewRecord[] = []
    for (const end = Math.min(batch + batchesPerAppend, batches); batch < end; batch++) {
      const timeMs = Math.round(startMs + (batch * tickMs) / batchesPerTick)
      const gradients = source.next(batch % examplePartitions, timeMs)
      const tick = { type: 'Tick', eventTimeMs: timeMs, receivedTimeMs: timeMs } as const
      const isTick = batch % batchesPerTick === batchesPerTick - 1
      const ticks = isTick ? byBucket.map((_, bucket) => ({ bucket, rows: 0, record: tick })) : []
      for (const { bucket, rows, record } of [...gradients, ...ticks]) {
        const value = encode(record)
        const backlog = byBucket[bucket]!
        backlog.rows.push((backlog.rows.at(-1) ?? 0) + rows)
        backlog.bytes.push((backlog.bytes.at(-1) ?? 0) + value.byteLength)
        records.push({ key: String(bucket), value, timestampMs: timeMs, partition: partitionOf(bucket) })
      }
    }
    await log.append(topic, records)
  }
  const sum = (numbers: readonly (readonly number[])[]) => numbers.reduce((total, own) => total + (own.at(-1) ?? 0), 0)
  return {
    byBucket,
    examples: batches * examplesPerBatch,
    rows: sum(byBucket.map(({ rows }) => rows)),
    bytes: sum(byBucket.map(({ bytes }) => bytes)),
  }
}

interface SentGradient {
  readonly bucket: number
  readonly rows: number
  readonly record: Gradient
}

/** Draws of Zipf's law with exponent 1, in its continuous form: half of them are among the first square root of all. */
function zipfBelow(random: SeededRandom, population: number): number {
  return Math.floor((population + 1) ** random.next()) - 1
}

/** A video as the backlog has them: popular ones often. */
export function popularRow(random: SeededRandom): RowId {
  return rowId('video', String(zipfBelow(random, videos)))
}

/** What all trainers send, one batch of one partition at a time. */
class GradientSource {
  private readonly options: BacklogOptions
  private readonly random = seededRandom(11)
  private readonly chains: readonly BucketChains[]
  private readonly rowsByPartition: readonly BucketRows[]
  private readonly nextOffset: number[]
  private readonly denseFrom: number[]
  private readonly batchesOf: number[]
  private readonly ids = new Map<string, BigUint64Array>()
  private readonly batch = new IdBatch()

  constructor(options: BacklogOptions) {
    const { spec, buckets, examplePartitions } = options
    const numbers = Array.from({ length: examplePartitions }, (_, partition) => partition)
    this.options = options
    this.chains = numbers.map(() => new BucketChains(buckets))
    this.rowsByPartition = numbers.map((partition) => new BucketRows(spec, bucketingOf(spec, buckets), partition))
    this.nextOffset = numbers.map(() => 0)
    this.denseFrom = numbers.map(() => 0)
    this.batchesOf = numbers.map(() => 0)
  }

  next(partition: number, timeMs: number): SentGradient[] {
    const { spec, buckets, examplesPerBatch } = this.options
    const shares = Array.from({ length: buckets }, (): TableGradient[] => [])
    const idsByTable = this.examples(partition)
    for (const table of spec.tables) this.share(table, idsByTable.get(table.name)!, partition, timeMs, shares)
    const fromOffset = this.nextOffset[partition]!
    const toOffset = fromOffset + examplesPerBatch
    this.nextOffset[partition] = toOffset
    const common = {
      type: 'Gradient',
      examplePartition: partition,
      eventTimeMs: timeMs,
      receivedTimes: [{ receivedTimeMs: timeMs, examples: examplesPerBatch }],
      quality: { examples: examplesPerBatch, logLoss: 0.5 * examplesPerBatch, positives: 100, nonFinite: 0 },
    } as const
    const sent = shares.flatMap((tables, bucket) => {
      if (tables.length === 0) return []
      const range = this.chains[partition]!.send(bucket, fromOffset, toOffset)
      const record: Gradient = { ...common, ...range, bucket, rows: encodeGradientRows(tables), dense: [] }
      return [{ bucket, rows: tables.reduce((sum, { ids }) => sum + ids.length, 0), record }]
    })
    if (++this.batchesOf[partition]! % batchesPerDense > 0) return sent
    const bucket = buckets - 1
    const range = this.chains[partition]!.send(bucket, this.denseFrom[partition]!, toOffset)
    this.denseFrom[partition] = toOffset
    const dense = [...this.options.dense.values()].map(({ name, shape, values }) => ({
      name,
      shape,
      values: encodeFloats(this.floats(values.length)),
    }))
    const record: Gradient = { ...common, ...range, bucket, receivedTimes: [], rows: encodeGradientRows([]), dense }
    return [...sent, { bucket, rows: 0, record }]
  }

  /** Ids of the batch by table, repeats included. */
  private examples(partition: number): Map<string, RowId[]> {
    const { spec, examplesPerBatch, examplePartitions } = this.options
    const tablesBySlot = new Map(spec.slots.map(({ name, table }) => [name, [table]]))
    for (const slot of spec.towers?.slots ?? []) tablesBySlot.get(slot)!.push(spec.towers!.table)
    const shareBySlot = new Map(spec.slots.map(({ name, share }) => [name, share ?? name]))
    const out = new Map(spec.tables.map(({ name }): [string, RowId[]] => [name, []]))
    for (let example = 0; example < examplesPerBatch; example++) {
      const userNumber = zipfBelow(this.random, Math.floor(users / examplePartitions)) * examplePartitions + partition
      const user = this.idOf('user', userNumber, users)
      out.get('user')!.push(user)
      for (const { slot, count, population } of drawn) {
        const tables = tablesBySlot.get(slot)!
        for (let index = 0; index < count; index++) {
          const own = this.idOf(shareBySlot.get(slot)!, zipfBelow(this.random, population), population)
          const id = slot.startsWith('userX') ? crossRowId(slot, user, own) : own
          for (const table of tables) out.get(table)!.push(id)
        }
      }
    }
    return out
  }

  private share(
    { name, dimension }: ModelTableSpec,
    ids: readonly RowId[],
    partition: number,
    timeMs: number,
    shares: readonly TableGradient[][],
  ): void {
    this.batch.build(BigUint64Array.from(ids), ids.length)
    const count = this.batch.uniqueCount
    const rows = {
      table: name,
      dimension,
      count,
      ids: this.batch.uniqueIds,
      values: this.floats(count * dimension),
      eventTimesMs: new Float64Array(count).fill(timeMs),
      occurrences: this.batch.occurrences,
      nonFinite: 0,
    }
    this.rowsByPartition[partition]!.share(rows, shares)
  }

  private idOf(slot: string, number: number, population: number): RowId {
    const known = this.ids.get(slot) ?? new BigUint64Array(population)
    this.ids.set(slot, known)
    known[number] ||= rowId(slot, String(number))
    return known[number] as RowId
  }

  /** Gradients as small as those of a model that has learned for a while. */
  private floats(count: number): Float32Array {
    const out = new Float32Array(count)
    for (let index = 0; index < count; index++) out[index] = (this.random.next() - 0.5) * 0.02
    return out
  }
}
