// What an owner of parameters tells Prometheus of each bucket it folds: how large it is, how far it came, what it refused,
// and whether anything keeps it from being published.
import type { Registry } from 'prom-client'
import { examples } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import type { Processor } from '../../streams/processor/processor.ts'
import type { ProcessorGroup } from '../../streams/processor/processor-group.ts'
import type { DumpedState } from '../../trainers/parameter-server/dump-ledger.ts'
import type { ParameterShard } from '../../trainers/parameter-server/parameter-shard.ts'
import type { Hold } from '../../trainers/parameter-server/publication-guard.ts'
import type { ShardCounts, ShardProcessor } from '../../trainers/parameter-server/shard-processor.ts'
import type { Table } from '../../trainers/table/table.ts'
import type { BucketStatus } from './owner-status.ts'
import { readGauge } from './role-metrics.ts'

/** Any fold that owns parameters, in either way of learning. */
export interface OwnedFold extends Processor {
  readonly wantsCheckpoint: boolean
  dumpedAt(next: number): DumpedState | null
  /** Counts are never held. */
  readonly held?: Hold | null
  readonly lineage?: number
  /** Of lockstep: the parameters apart from the fold. */
  readonly shard?: ParameterShard
  readonly version?: number
  readonly tables?: ReadonlyMap<string, Table>
}

export interface OwnedBucketState extends BucketStatus {
  readonly tables: ReadonlyMap<string, Table>
  readonly fold: OwnedFold
}

/** The buckets that a group owns now, once they are restored. */
export function ownedBuckets(model: string, group: ProcessorGroup): OwnedBucketState[] {
  return group.progress().flatMap(({ partition, next }) => {
    const fold = group.processorOf(partition) as OwnedFold | null
    if (fold === null) return []
    const tables = fold.tables ?? fold.shard!.tables
    return {
      model,
      bucket: partition,
      version: fold.version ?? fold.shard!.version,
      lineage: fold.lineage ?? 0,
      held: fold.held ?? null,
      rows: [...tables.values()].reduce((sum, table) => sum + table.rows, 0),
      next,
      tables,
      fold,
    }
  })
}

const holdReasons: readonly Hold['reason'][] = ['non-finite', 'loss-exploded', 'metric-collapsed']

const countHelp: Readonly<Partial<Record<keyof ShardCounts, string>>> = {
  applied: 'Gradients applied',
  repeats: 'Ranges ignored because they were folded before',
  gaps: 'Ranges refused because one before them is missing',
  misfits: 'Gradients refused because they do not fit the model or the bucket',
  skipped: 'Inputs that a rollback undid',
  rowsUpdated: 'Rows changed',
  rowsUnadmitted: 'Row gradients dropped because their id was not seen often enough',
  rowsEvicted: 'Rows removed to make room',
  rowsExpired: 'Rows removed because nothing was heard of them',
}
const refusals: Readonly<Partial<Record<keyof ShardCounts, string>>> = {
  rowsNonFinite: 'non-finite',
  rowsBadTime: 'bad-time',
  rowsNoMemory: 'no-memory',
  denseNonFinite: 'dense-non-finite',
}

export function ownerMetrics(registry: Registry, model: string, group: ProcessorGroup): void {
  registerOnce(registry).push(() => ownedBuckets(model, group))
}

type Owned = () => OwnedBucketState[]
const ownedByRegistry = new WeakMap<Registry, Owned[]>()

/** One set of gauges for all models of a thread. */
function registerOnce(registry: Registry): Owned[] {
  const known = ownedByRegistry.get(registry)
  if (known) return known
  const sources: Owned[] = []
  ownedByRegistry.set(registry, sources)
  const all = () => sources.flatMap((owned) => owned())
  const each = (name: string, help: string, read: (state: OwnedBucketState) => number): void =>
    readGauge(registry, name, help, ['model', 'bucket'], () =>
      all().map((state) => ({ labels: labelsOf(state), value: read(state) })),
    )
  each('shard_version', 'Version of the newest delta', (state) => state.version)
  each('shard_lineage', 'Rollbacks behind the state', (state) => state.lineage)
  each('shard_next_offset', 'Next input offset', (state) => state.next)
  readGauge(registry, 'shard_rows', 'Rows of each table', ['model', 'bucket', 'table'], () =>
    all().flatMap((state) =>
      [...state.tables].map(([table, { rows }]) => ({ labels: { ...labelsOf(state), table }, value: rows })),
    ),
  )
  each('shard_bytes', 'Bytes that its tables would take in a snapshot', ({ tables }) =>
    [...tables.values()].reduce((sum, table) => sum + table.dumpByteLength, 0),
  )
  // Each reason is told also while it does not hold, so that an alert sees it go.
  readGauge(registry, 'publication_held', '1: deltas and snapshots are kept back', ['model', 'bucket', 'reason'], () =>
    all().flatMap((state) =>
      holdReasons.map((reason) => ({
        labels: { ...labelsOf(state), reason },
        value: Number(state.held?.reason === reason),
      })),
    ),
  )
  countGauges(registry, all)
  return sources
}

function countGauges(registry: Registry, all: Owned): void {
  const counted = () =>
    all().flatMap((state) => {
      const { counts } = state.fold as Partial<ShardProcessor>
      return counts ? [{ labels: labelsOf(state), counts }] : []
    })
  for (const [name, help] of Object.entries(countHelp)) {
    const metric = `shard_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`
    readGauge(registry, metric, help, ['model', 'bucket'], () =>
      counted().map(({ labels, counts }) => ({ labels, value: counts[name as keyof ShardCounts] })),
    )
  }
  readGauge(registry, 'shard_refused_total', 'Gradients refused', ['model', 'bucket', 'reason'], () =>
    counted().flatMap(({ labels, counts }) =>
      Object.entries(refusals).map(([name, reason]) => ({
        labels: { ...labels, reason },
        value: counts[name as keyof ShardCounts],
      })),
    ),
  )
}

function labelsOf({ model, bucket }: BucketStatus): Record<string, string> {
  return { model, bucket: String(bucket) }
}

/** Examples of each partition that a bucket has not folded, at most: those that touch no row of it count too. */
export async function markLags(
  log: Pick<Log, 'bounds'>,
  states: readonly OwnedBucketState[],
  examplePartitions: number,
): Promise<{ readonly model: string; readonly bucket: number; readonly lag: number }[]> {
  const ends = await Promise.all(
    Array.from({ length: examplePartitions }, async (_, number) => {
      return (await log.bounds({ topic: examples, partition: partitionOf(number) })).latest
    }),
  )
  return states.flatMap(({ model, bucket, fold }) => {
    const { markOf } = fold as Partial<ShardProcessor>
    if (!markOf) return []
    return {
      model,
      bucket,
      lag: ends.reduce((lag: number, end, number) => lag + Math.max(0, end - markOf.call(fold, number)), 0),
    }
  })
}
