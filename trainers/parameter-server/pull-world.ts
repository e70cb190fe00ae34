// A model's buckets, their owners as servers of their own, and clients of them, for tests: what a pull must give is what
// the tables hold.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { modelTopics } from '../../schemas/topics.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import type { Log } from '../../streams/log/log.ts'
import { grpcRpcClient, grpcRpcServer } from '../../streams/rpc/grpc-rpc.ts'
import type { RpcMethod, RpcServer, RpcServerOptions } from '../../streams/rpc/rpc.ts'
import { simulatedDisk } from '../../streams/runtime/simulated-disk.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import type { DenseParameter } from '../model/model.ts'
import type { ModelTableSpec } from '../model/model-spec.ts'
import { mapTable } from '../table/map-table.ts'
import type { Table } from '../table/table.ts'
import { type BucketRoutes, bucketRoutes, claimBucket } from './bucket-claims.ts'
import type { RowPull } from './parameter-client.ts'
import { type ParameterClientOptions, parameterClient, type RemoteParameterClient } from './pull-client.ts'
import { type PulledShard, type PullMethodsOptions, pullMethods } from './pull-server.ts'

const table = (name: string, dimension: number): ModelTableSpec => ({
  name,
  side: 'item',
  dimension,
  optimizer: { kind: 'sum' },
  initialScale: 0.1,
  seed: 7,
  rowsMax: 1_000_000,
})
export const worldSpec = { model: 'world', tables: [table('wide', 16), table('thin', 1), table('odd', 3)] }

export class WorldShard implements PulledShard {
  readonly tables: ReadonlyMap<string, Table> = new Map(
    worldSpec.tables.map(({ side: _, ...spec }) => [spec.name, mapTable(spec)]),
  )
  dense: ReadonlyMap<string, DenseParameter> = new Map()
  denseVersion = 0
  readonly markByPartition = new Map<number, number>()

  markOf(examplePartition: number): number {
    return this.markByPartition.get(examplePartition) ?? 0
  }

  push(name: string, ids: BigUint64Array, value: number): void {
    const own = this.tables.get(name)!
    const gradients = new Float32Array(ids.length * own.spec.dimension).map((_, index) => value + index)
    own.push(ids, ids.length, gradients, new Float64Array(ids.length).fill(1))
  }
}

export interface WorldOwner {
  readonly server: RpcServer
  readonly owned: Map<number, PulledShard>
  /** Calls that arrived, by method. */
  readonly calls: string[]
}

export interface OwnerOptions extends Partial<RpcServerOptions>, Partial<PullMethodsOptions> {
  /** Runs before each call is answered. */
  readonly before?: (method: string) => Promise<void> | void
}

export class PullWorld {
  readonly log: Log
  readonly routes: BucketRoutes
  private readonly closers: (() => Promise<void>)[] = []

  private constructor(log: Log) {
    this.log = log
    this.routes = bucketRoutes({ log, runtime, model: worldSpec.model })
  }

  static async open(buckets: number): Promise<PullWorld> {
    const log = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime, maintainEveryMs: 0 })
    for (const spec of modelTopics(worldSpec.model, buckets)) await log.ensureTopic(spec)
    return new PullWorld(log)
  }

  /** A server that owns nothing yet. */
  async owner({ before, ownedBy, valuesPerSliceMax, ...options }: OwnerOptions = {}): Promise<WorldOwner> {
    const owned = new Map<number, PulledShard>()
    const calls: string[] = []
    const methods = pullMethods({
      spec: worldSpec,
      ownedBy: ownedBy ?? ((bucket) => owned.get(bucket) ?? null),
      ...(valuesPerSliceMax === undefined ? {} : { valuesPerSliceMax }),
    })
    const watched = Object.entries(methods).map(([name, method]): [string, RpcMethod] => [
      name,
      async (request, call) => {
        calls.push(name)
        await before?.(name)
        return await method(request, call)
      },
    ])
    const address = { host: '127.0.0.1', port: 0 }
    const server = await grpcRpcServer({
      ...address,
      ...options,
      methods: Object.fromEntries(watched),
      runtime,
      closeMsMax: 50,
    })
    this.closers.push(() => server.close())
    return { server, owned, calls }
  }

  /** Claims the bucket for the owner, and waits until the routes know. */
  async claim(bucket: number, { server }: WorldOwner): Promise<void> {
    const { log } = this
    const epoch = await claimBucket({ log, runtime, model: worldSpec.model, bucket, address: server.address })
    await this.routes.claimAfter(bucket, epoch - 1, new AbortController().signal)
  }

  client(options: Partial<ParameterClientOptions> = {}): RemoteParameterClient {
    const client = parameterClient({
      spec: worldSpec,
      denseBucket: 0,
      routes: this.routes,
      makeClient: (address) => grpcRpcClient({ address, runtime }),
      runtime,
      deadlineMs: 20_000,
      ...options,
    })
    this.closers.push(() => client.close())
    return client
  }

  async close(): Promise<void> {
    for (const close of this.closers.reverse()) await close()
    await this.routes.close()
    await this.log.close()
  }
}

/** A pull with room for its rows, filled with what no table holds. */
export function rowPull(bucket: number, name: string, ids: BigUint64Array): RowPull {
  const { dimension } = worldSpec.tables.find((spec) => spec.name === name)!
  return { bucket, table: name, ids, out: new Float32Array(ids.length * dimension).fill(Number.NaN) }
}

/** What the pull must give. */
export function directPull(shard: PulledShard, { table: name, ids, out }: RowPull): Float32Array {
  const values = new Float32Array(out.length)
  shard.tables.get(name)!.pull(ids, ids.length, values)
  return values
}

export const idsFrom = (first: number, count: number): BigUint64Array =>
  BigUint64Array.from({ length: count }, (_, index) => BigInt(first + index))

/** Closed after the test. */
export async function worldOf(t: TestContext, buckets: number): Promise<PullWorld> {
  const world = await PullWorld.open(buckets)
  t.after(() => world.close())
  return world
}

export function assertFilled(pulls: readonly RowPull[], shards: readonly WorldShard[]): void {
  for (const pull of pulls) assert.deepEqual(pull.out, directPull(shards[pull.bucket]!, pull), `bucket ${pull.bucket}`)
}
