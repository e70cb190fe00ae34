// The end of a serving process that gateways elsewhere ask: pages of its shards, and what they tell Prometheus.

import type { ServingShard, ShardStatus } from '../../serving/shard.ts'
import { shardMethods } from '../../serving/shard-methods.ts'
import { grpcRpcServer } from '../../streams/rpc/grpc-rpc.ts'
import type { RpcServer } from '../../streams/rpc/rpc.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { Config } from '../config/config.ts'
import { advertised } from './advertised.ts'

/** Remote method that gives the metrics of a serving process. */
export const servingMetricsMethod = 'serving.metrics'

export interface ServingServerOptions {
  readonly config: Config
  readonly runtime: Runtime
  readonly shardOf: (userId: string) => ServingShard
  readonly shards: readonly ServingShard[]
  metrics(): Promise<string>
}

/** Listens at `rpc.host` and `rpc.port`. Its address is the one that others call. */
export async function servingServer(options: ServingServerOptions): Promise<RpcServer> {
  const { config, runtime, metrics } = options
  const { host, port } = config.rpc
  const server = await grpcRpcServer({
    host,
    port,
    runtime,
    methods: {
      ...shardMethods(asOneShard(options)),
      [servingMetricsMethod]: async () => new TextEncoder().encode(await metrics()),
    },
  })
  return { address: advertised(config, server.address), close: () => server.close() }
}

/** The shards of this process as one that serves all their users. */
function asOneShard({ shardOf, shards }: ServingServerOptions): ServingShard {
  return {
    feed: (request) => shardOf(request.userId).feed(request),
    // Every shard holds the whole catalog.
    video: (videoId) => shards[0]!.video(videoId),
    async explain(requestId) {
      const answers = await Promise.all(shards.map((shard) => shard.explain(requestId)))
      return answers.find((answer) => answer !== null) ?? null
    },
    async status() {
      const statuses = await Promise.all(shards.map((shard) => shard.status()))
      return statuses.reduce(
        (all: ShardStatus, one) => ({
          ready: all.ready && one.ready,
          stamp: { ...all.stamp, ...one.stamp },
          videos: Math.min(all.videos, one.videos),
          residentUsers: all.residentUsers + one.residentUsers,
        }),
        { ready: true, stamp: {}, videos: Number.POSITIVE_INFINITY, residentUsers: 0 },
      )
    },
  }
}
