// The serving processes that a gateway asks: users are spread over them by partition, and any of them stands in for another.
import { failoverShard } from '../../serving/failover-shard.ts'
import { remoteServingShard } from '../../serving/remote-shard.ts'
import type { ServingShard } from '../../serving/shard.ts'
import { partitionForKey } from '../../streams/log/murmur2.ts'
import { grpcRpcClient } from '../../streams/rpc/grpc-rpc.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { Config } from '../config/config.ts'
import { joinMetrics, withLabel } from './metrics-text.ts'
import { servingMetricsMethod } from './serving-server.ts'

export interface ServingPeers {
  readonly shards: readonly ServingShard[]
  shardOf(userId: string): ServingShard
  /** Whether one of them, at least, has read what was in the log. */
  ready(): Promise<boolean>
  /** What each tells, under its address; nothing of one that is away. */
  metrics(): Promise<string>
  close(): Promise<void>
}

const metricsDeadlineMs = 2_000

export function servingPeers({ serving, log, limits }: Config, { clock }: Runtime): ServingPeers {
  const clients = serving.peers.map((address) => grpcRpcClient({ address, runtime: { clock } }))
  const deadlineMs = limits.shardDeadlineMs
  // A peer that stands still must leave time for the next.
  const own = Math.max(1, Math.floor(deadlineMs / Math.max(2, clients.length)))
  const remote = clients.map((client) => remoteServingShard(client, { deadlineMs: own }))
  // Each begins with another, so that all of them work while all are well.
  const shards = remote.map((_, first) =>
    failoverShard([...remote.slice(first), ...remote.slice(0, first)], { clock, deadlineMs }),
  )
  return {
    shards,
    shardOf: (userId) => shards[partitionForKey(userId, log.partitions) % shards.length]!,
    async ready() {
      const states = await Promise.allSettled(remote.map((shard) => shard.status()))
      return states.some((state) => state.status === 'fulfilled' && state.value.ready)
    },
    async metrics() {
      return joinMetrics(await Promise.all(clients.map(peerMetrics)))
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}

async function peerMetrics(client: ReturnType<typeof grpcRpcClient>): Promise<string> {
  try {
    const bytes = await client.call(servingMetricsMethod, new Uint8Array(0), { deadlineMs: metricsDeadlineMs })
    return withLabel(new TextDecoder().decode(bytes), 'peer', client.address)
  } catch {
    return ''
  }
}
