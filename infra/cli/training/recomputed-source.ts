// The examples of a range with features that were not frozen for it: the log before and in the range is walked again. Where
// the log still holds all that the live loop read, the default features come out as they were frozen (recomputed-source.test.ts).
import { decode } from '../../../schemas/codec.ts'
import { examples, interactions, users, videos } from '../../../schemas/topics.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import type { Log, Partition, SourcePosition, TopicPartition } from '../../../streams/log/log.ts'
import { offsetOf, partitionOf } from '../../../streams/log/log.ts'
import { compareSources } from '../../../streams/processor/source-position.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { LogWalk } from './log-walk.ts'
import { mergedRecords, type PartitionRange } from './merged-records.ts'
import type { SourceRecord, TrainingSource } from './training-source.ts'

/** Outputs of one partition of `interactions`, first and last included. */
interface WantedOutputs {
  readonly first: SourcePosition
  readonly last: SourcePosition
}

/**
 * `ranges` are of `examples`, `walked` of what they came from (see walkedRanges). A start again walks from the beginning:
 * hydration is cheap beside learning, and the state behind it is large.
 */
export async function recomputedSource(
  log: Log,
  features: FeatureSet,
  ranges: readonly PartitionRange[],
  walked: readonly PartitionRange[],
): Promise<TrainingSource> {
  const wanted = new Map<Partition, WantedOutputs>()
  for (const range of ranges) if (range.from < range.to) wanted.set(range.partition, await wantedOutputs(log, range))
  const ends = walked.map((range) => {
    const last = range.topic === interactions ? wanted.get(range.partition)?.last : undefined
    return last ? { ...range, to: Math.min(range.to, last.offset + 1) } : range
  })
  const single = ranges.length === 1
  return {
    features: 'recomputed',
    recordsExpected: ranges.reduce((sum, { from, to }) => sum + to - from, 0),
    async *batches(skip) {
      const walk = new LogWalk(features)
      let left = skip
      let place = single ? ranges[0]!.from : 0
      for await (const records of mergedRecords(log, ends)) {
        const batch: SourceRecord[] = []
        for (const { topic, partition, key, value, offset } of records) {
          const record = value === null ? null : decode(value)
          if (record === null || record.type === 'undecodable') continue
          const bounds = wanted.get(partition)
          for (const [ordinal, output] of walk.fold(topic, partition, key, record).entries()) {
            if (!bounds || !isWithin({ offset, ordinal }, bounds)) continue
            const made = output.record as SourceRecord['record']
            if (left > 0) left--
            else batch.push({ offset: place, record: made })
            place++
          }
        }
        if (batch.length > 0) yield batch
      }
    },
  }
}

/** All that is held of what examples are made from, as of now: catalog and people first, where times are equal. */
export async function walkedRanges(log: Log, partitions: number): Promise<PartitionRange[]> {
  const places: TopicPartition[] = [{ topic: videos, partition: partitionOf(0) }]
  for (const topic of [users, interactions]) {
    for (let partition = 0; partition < partitions; partition++)
      places.push({ topic, partition: partitionOf(partition) })
  }
  return Promise.all(
    places.map(async (place) => {
      const { earliest, latest } = await log.bounds(place)
      return { ...place, from: earliest, to: latest }
    }),
  )
}

function isWithin(position: SourcePosition, { first, last }: WantedOutputs): boolean {
  return compareSources(position, first) >= 0 && compareSources(position, last) <= 0
}

async function wantedOutputs(log: Log, { partition, from, to }: PartitionRange): Promise<WantedOutputs> {
  const first = await sourceAt(log, partition, from)
  const last = await sourceAt(log, partition, to - 1)
  const { earliest } = await log.bounds({ topic: interactions, partition })
  if (first.offset >= earliest) return { first, last }
  throw new FreshetError(
    'usage',
    `${interactions}/${partition} begins at ${earliest}, past ${first.offset} that the first example came from; begin later`,
  )
}

async function sourceAt(log: Log, partition: Partition, offset: number): Promise<SourcePosition> {
  const reader = await log.openReader({ topic: examples, partition, from: offsetOf(offset) })
  try {
    const [record] = await reader.next({ recordsMax: 1, waitMsMax: 5_000 })
    if (record?.source) return { offset: record.source.offset, ordinal: record.source.ordinal }
    throw new FreshetError(
      'usage',
      `${examples}/${partition} does not say what ${offset} came from; train without --rehydrate`,
    )
  } finally {
    await reader.close()
  }
}
