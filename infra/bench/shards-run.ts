// One measurement of some parameter shards on one machine: they fold a backlog that lies in Kafka already, answer pulls when
// it is folded, stop behind a snapshot and come back from it. Nothing of an earlier measurement is in their way: blobs,
// groups and topics are those of the folder given.
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { decode } from '../../schemas/codec.ts'
import { deltasOf, gradientsOf } from '../../schemas/topics.ts'
import { type Log, offsetOf, partitionOf } from '../../streams/log/log.ts'
import { grpcRpcClient } from '../../streams/rpc/grpc-rpc.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { bucketingOf, positionsByBucket } from '../../trainers/model/buckets.ts'
import type { ModelSpec } from '../../trainers/model/model-spec.ts'
import { bucketRoutes } from '../../trainers/parameter-server/bucket-claims.ts'
import type { RowPull } from '../../trainers/parameter-server/parameter-client.ts'
import { parameterClient } from '../../trainers/parameter-server/pull-client.ts'
import type { RunningKafka } from '../engines/kafka/start-kafka.ts'
import { type Settings, startTopology } from '../processes/topology.ts'
import { seededRandom } from '../simulation/seeded-random.ts'
import { type Backlog, popularRow } from './shards-backlog.ts'
import { Owners } from './shards-owners.ts'
import { coresBetween, residentBytesOf, usageOf } from './shards-usage.ts'

export interface RunOptions {
  readonly shards: number
  readonly folder: string
  readonly broker: RunningKafka
  readonly log: Log
  readonly spec: ModelSpec
  readonly buckets: number
  readonly backlog: Backlog
  readonly settings: Settings
  readonly compileCache: string
}

export interface ShardsMeasured {
  readonly shards: number
  /** Row buckets by shard. */
  readonly rowBuckets: readonly number[]
  readonly folding: {
    readonly seconds: number
    readonly rowsPerSecond: number
    readonly examplesPerSecond: number
    readonly megabytesPerSecond: number
    /** Cores in use, by process; the topology's together are `shards`. */
    readonly cores: Readonly<Record<string, number>>
  }
  readonly pulling: {
    readonly pullsPerSecond: number
    readonly idsPerSecond: number
    readonly latencyMs: { readonly p50: number; readonly p99: number }
    readonly cores: Readonly<Record<string, number>>
  }
  /** Of everything that the shards hold. */
  readonly state: {
    readonly rows: number
    readonly residentBytes: number
    readonly snapshotBytes: number
    /** Until the processes had stopped, all at once. */
    readonly stopSeconds: number
    /** From the start of the processes until they owned all buckets again, all at once. */
    readonly restoreSeconds: number
  }
  readonly deltas: { readonly rows: number; readonly bytesPerRow: number; readonly perFoldedRow: number }
}

const pullMs = 4_000
const pullWarmUpMs = 1_500
const idsPerPull = 5_000
const lanes = 2
/** Of the backlog: the start and the end, where not all shards have work, are not measured. */
const measuredFrom = 0.1
const measuredTo = 0.9

export async function measureShards(options: RunOptions): Promise<ShardsMeasured> {
  const { shards, folder, broker, settings, compileCache } = options
  const names = Array.from({ length: shards }, (_, index) => `shard-${index + 1}`)
  const topology = await startTopology({
    brokers: broker.brokers,
    folder,
    processes: Object.fromEntries(names.map((name) => [name, ['shard' as const]])),
    settings,
    compileCache,
    onDeath: (name, said) => process.stderr.write(`${name} ended by itself: ${said}\n`),
  })
  try {
    const owners = await Owners.of(topology, options)
    const [first, last] = await owners.folded(measuredFrom, measuredTo)
    const rowBuckets = await owners.rowBuckets()
    await owners.folded(1, 1)
    const pulling = await pullFor(options, owners)
    const rows = (await owners.statuses()).flat().reduce((sum, own) => sum + own.rows, 0)
    const residentBytes = names.reduce((sum, name) => sum + residentBytesOf(topology.process(name).pid), 0)
    await owners.close()
    const deltas = await deltasRead(options)
    const stopSeconds = await secondsOf(() => topology.stop())
    const snapshotBytes = newestBytes(topology.blobFolder, gradientsOf(options.spec.model))
    const restoreSeconds = await secondsOf(async () => {
      await Promise.all(names.map((name) => topology.start(name)))
      const again = await Owners.of(topology, options)
      await again.settled(rows)
      await again.close()
    })
    const seconds = (last.usage.timeMs - first.usage.timeMs) / 1_000
    const rowsPerSecond = (last.rows - first.rows) / seconds
    const rowsPerExample = options.backlog.rows / options.backlog.examples
    return {
      shards,
      rowBuckets,
      folding: {
        seconds: rounded(seconds, 1),
        rowsPerSecond: Math.round(rowsPerSecond),
        examplesPerSecond: Math.round(rowsPerSecond / rowsPerExample),
        megabytesPerSecond: rounded((last.bytes - first.bytes) / seconds / 1e6, 1),
        cores: coresBetween(first.usage, last.usage),
      },
      pulling,
      state: { rows, residentBytes, snapshotBytes, stopSeconds, restoreSeconds },
      deltas,
    }
  } finally {
    await topology.abandon()
  }
}

async function pullFor(options: RunOptions, owners: Owners): Promise<ShardsMeasured['pulling']> {
  const { log, spec, buckets } = options
  const layout = bucketingOf(spec, buckets)
  const routes = bucketRoutes({ log, runtime, model: spec.model })
  const client = parameterClient({
    spec,
    denseBucket: layout.denseBucket,
    routes,
    makeClient: (address) => grpcRpcClient({ address, runtime }),
    runtime,
    deadlineMs: 10_000,
  })
  const random = seededRandom(3)
  const pulls = Array.from({ length: 32 }, (): RowPull[] => {
    const ids = BigUint64Array.from({ length: idsPerPull }, () => popularRow(random))
    return positionsByBucket('item', ids, ids.length, 0, layout).map((positions, bucket) => ({
      bucket,
      table: 'item',
      ids: BigUint64Array.from(positions, (position) => ids[position]!),
      out: new Float32Array(positions.length * 16),
    }))
  })
  const endless = new AbortController().signal
  const timed = async (forMs: number): Promise<Float64Array> => {
    const tookMs: number[] = []
    const endMs = performance.now() + forMs
    const lane = async (number: number) => {
      for (let round = number; performance.now() < endMs; round += lanes) {
        const startMs = performance.now()
        await client.pull(0, pulls[round % pulls.length]!, endless)
        tookMs.push(performance.now() - startMs)
      }
    }
    await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)))
    return Float64Array.from(tookMs).sort()
  }
  await timed(pullWarmUpMs)
  const before = usageOf(owners.pids)
  const tookMs = await timed(pullMs)
  const after = usageOf(owners.pids)
  await client.close()
  await routes.close()
  const pullsPerSecond = (tookMs.length * 1_000) / (after.timeMs - before.timeMs)
  const at = (share: number) => rounded(tookMs[Math.floor(share * (tookMs.length - 1))]!, 2)
  return {
    pullsPerSecond: rounded(pullsPerSecond, 1),
    idsPerSecond: Math.round(pullsPerSecond * idsPerPull),
    latencyMs: { p50: at(0.5), p99: at(0.99) },
    cores: coresBetween(before, after),
  }
}

/** The first deltas of one bucket: what a changed row costs on its way to serving. */
async function deltasRead({ log, spec, backlog }: RunOptions): Promise<ShardsMeasured['deltas']> {
  const reader = await log.openReader({ topic: deltasOf(spec.model), partition: partitionOf(0), from: offsetOf(0) })
  let [rows, bytes, through] = [0, 0, 0]
  try {
    for (let read = 0; read < 40; ) {
      const records = await reader.next({ recordsMax: 8, waitMsMax: 2_000 })
      if (records.length === 0) break
      read += records.length
      for (const { value } of records) {
        const delta = decode(value!)
        if (delta.type !== 'Delta') continue
        bytes += value!.byteLength
        // Each table's rows begin with their count.
        for (const table of delta.tables)
          rows += new DataView(table.rows.buffer, table.rows.byteOffset).getUint32(0, true)
        through = delta.version
      }
    }
  } finally {
    await reader.close()
  }
  // A delta's version is the offset behind its Tick.
  const folded = backlog.byBucket[0]!.rows[Math.min(through, backlog.byBucket[0]!.rows.length) - 1] ?? 0
  return { rows, bytesPerRow: rounded(bytes / rows, 1), perFoldedRow: rounded(rows / folded, 3) }
}

/** Of the newest checkpoint of each bucket; names of checkpoints sort by age. */
function newestBytes(blobFolder: string, topic: string): number {
  const newestByFolder = new Map<string, string>()
  for (const path of readdirSync(blobFolder, { recursive: true, encoding: 'utf8' }).sort()) {
    const isCheckpoint =
      path.includes('checkpoints') && path.includes(topic) && statSync(join(blobFolder, path)).isFile()
    if (isCheckpoint) newestByFolder.set(dirname(path), path)
  }
  return [...newestByFolder.values()].reduce((sum, path) => sum + statSync(join(blobFolder, path)).size, 0)
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await work()
  return rounded((performance.now() - startMs) / 1_000, 2)
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
