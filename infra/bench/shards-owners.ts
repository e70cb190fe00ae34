// What running shards say of their buckets when they are asked: who owns which, and how much of the backlog is folded, with
// what everybody had used of the machine by then.
import process from 'node:process'
import { grpcRpcClient } from '../../streams/rpc/grpc-rpc.ts'
import type { RpcClient } from '../../streams/rpc/rpc.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import { bucketingOf } from '../../trainers/model/buckets.ts'
import { type BucketStatus, shardStatusMethod } from '../processes/owner-status.ts'
import type { Topology } from '../processes/topology.ts'
import type { RunOptions } from './shards-run.ts'
import { type Usage, usageOf } from './shards-usage.ts'

const sampleMs = 100

export interface Sample {
  readonly usage: Usage
  readonly rows: number
  readonly bytes: number
}

/** What the shards say of their buckets, asked over RPC. */
export class Owners {
  readonly pids: ReadonlyMap<string, number>
  private readonly options: RunOptions
  private readonly clients: readonly RpcClient[]

  static async of(topology: Topology, options: RunOptions): Promise<Owners> {
    const ready = await Promise.all(topology.names.map((name) => topology.process(name).ready))
    const pids: [string, number][] = topology.names.map((name) => [name, topology.process(name).pid])
    const clients = ready.map(({ rpc }) => grpcRpcClient({ address: rpc!, runtime }))
    return new Owners(options, clients, new Map([...pids, ['kafka', options.broker.pid], ['asker', process.pid]]))
  }

  private constructor(options: RunOptions, clients: Owners['clients'], pids: ReadonlyMap<string, number>) {
    this.options = options
    this.clients = clients
    this.pids = pids
  }

  /** Of the model's buckets, by shard. */
  async statuses(): Promise<BucketStatus[][]> {
    return Promise.all(
      this.clients.map(async (client) => {
        const bytes = await client.call(shardStatusMethod, new Uint8Array(0), { deadlineMs: 30_000 })
        const all = JSON.parse(new TextDecoder().decode(bytes)) as BucketStatus[]
        return all.filter(({ model }) => model === this.options.spec.model)
      }),
    )
  }

  /** Resolves when each bucket has one owner and each shard a bucket, and they hold so many rows. */
  async settled(rowsMin: number): Promise<void> {
    for (;;) {
      const statuses = await this.statuses()
      const rows = statuses.flat().reduce((sum, own) => sum + own.rows, 0)
      if (isSettled(statuses, this.options.buckets) && rows >= rowsMin) return
      await runtime.timers.sleep(sampleMs)
    }
  }

  async rowBuckets(): Promise<number[]> {
    const { rowBuckets } = bucketingOf(this.options.spec, this.options.buckets)
    return (await this.statuses()).map((own) => own.filter(({ bucket }) => bucket < rowBuckets).length)
  }

  /** Waits until this share of the backlog is folded by shards that all have work, and then until that; where one of them
   *  runs out of work before, until then. */
  async folded(from: number, to: number): Promise<[Sample, Sample]> {
    const { backlog } = this.options
    let first: Sample | null = null
    for (;;) {
      const statuses = await this.statuses()
      const sample = this.sampleOf(statuses.flat())
      const share = sample.rows / backlog.rows
      if (first === null && share >= from && isSettled(statuses, this.options.buckets)) first = sample
      const isIdle = statuses.some((own) =>
        own.every(({ bucket, next }) => next >= backlog.byBucket[bucket]!.rows.length),
      )
      if (first !== null && (share >= to || (to < 1 && isIdle && sample !== first))) return [first, sample]
      await runtime.timers.sleep(sampleMs)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()))
  }

  private sampleOf(statuses: readonly BucketStatus[]): Sample {
    const { byBucket } = this.options.backlog
    const next = byBucket.map((_, own) => statuses.find(({ bucket }) => bucket === own)?.next ?? 0)
    const upTo = (numbers: readonly number[], bucket: number) =>
      numbers[Math.min(next[bucket]!, numbers.length) - 1] ?? 0
    return {
      usage: usageOf(this.pids),
      rows: byBucket.reduce((sum, { rows }, bucket) => sum + upTo(rows, bucket), 0),
      bytes: byBucket.reduce((sum, { bytes }, bucket) => sum + upTo(bytes, bucket), 0),
    }
  }
}

function isSettled(statuses: readonly (readonly BucketStatus[])[], buckets: number): boolean {
  const owned = statuses.flat().map(({ bucket }) => bucket)
  return owned.length === buckets && new Set(owned).size === buckets && statuses.every((own) => own.length > 0)
}
