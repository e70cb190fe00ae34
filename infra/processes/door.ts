// Where a process is asked for pages: its gateway over HTTP, or, without one, its shards by gateways elsewhere over RPC. A
// gateway asks the shards of its own process, or, where it has none, its peers, one standing in for another.
import { readFile } from 'node:fs/promises'
import { Registry } from 'prom-client'
import { gateway } from '../../serving/gateway/gateway.ts'
import { gatewayMetrics } from '../../serving/gateway/gateway-metrics.ts'
import type { ServingShard } from '../../serving/shard.ts'
import { webFiles } from '../../serving/web/web-files.ts'
import type { Log } from '../../streams/log/log.ts'
import { partitionForKey } from '../../streams/log/murmur2.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { Config } from '../config/config.ts'
import { joinMetrics } from './metrics-text.ts'
import type { Role } from './roles.ts'
import { type ServingPeers, servingPeers } from './serving-peers.ts'
import { servingServer } from './serving-server.ts'
import { remoteShard } from './shard-channel.ts'
import type { WorkerThread } from './worker-thread.ts'

export interface Door {
  /** Address of the gateway; null where there is none. */
  readonly url: string | null
  /** host:port that gateways elsewhere ask; null where none may. */
  readonly rpc: string | null
  /** Whether pages would be whole; true where this process makes none. */
  ready(): Promise<boolean>
  /** Takes nothing new and answers what is in flight. */
  close(): Promise<void>
}

export interface DoorOptions {
  readonly config: Config
  readonly runtime: Runtime
  readonly roles: ReadonlySet<Role>
  readonly log: Log
  readonly serving: readonly WorkerThread[]
  threadMetrics(): Promise<string>
}

export async function openDoor(options: DoorOptions): Promise<Door> {
  const { config, runtime, roles, serving, threadMetrics } = options
  const shards = serving.map((thread) => remoteShard(thread.calls))
  const { partitions } = config.log
  const ownShardOf = (userId: string): ServingShard => shards[partitionForKey(userId, partitions) % shards.length]!
  if (!roles.has('gateway')) {
    if (shards.length === 0) return { url: null, rpc: null, ready: async () => true, close: async () => {} }
    const server = await servingServer({ config, runtime, shardOf: ownShardOf, shards, metrics: threadMetrics })
    return { url: null, rpc: server.address, ready: () => allReady(shards), close: () => server.close() }
  }
  const peers = shards.length === 0 ? servingPeers(config, runtime) : null
  return openGateway(options, shards, ownShardOf, peers)
}

async function openGateway(
  { config, runtime, log, threadMetrics }: DoorOptions,
  shards: readonly ServingShard[],
  ownShardOf: (userId: string) => ServingShard,
  peers: ServingPeers | null,
): Promise<Door> {
  const { mode, jwt } = config.auth
  const ready = peers ? () => peers.ready() : () => allReady(shards)
  const opened = await gateway({
    log,
    shards: peers ? peers.shardOf : ownShardOf,
    everyShard: () => peers?.shards ?? shards,
    runtime,
    partitions: config.log.partitions,
    metrics: gatewayMetrics(new Registry()),
    moreMetrics: async () => joinMetrics(await Promise.all([threadMetrics(), peers?.metrics() ?? ''])),
    ready,
    host: config.gateway.host,
    port: config.gateway.port,
    authMode: mode,
    ...(mode === 'jwt' ? { jwt: jwtOptions(jwt) } : {}),
    allowedOrigins: config.gateway.allowedOrigins,
    web: await webFiles((file) => readFile(file)),
    limits: config.limits,
    onUnexpected: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
  })
  return {
    url: opened.url,
    rpc: null,
    ready,
    async close() {
      await opened.close()
      await peers?.close()
    },
  }
}

function jwtOptions({ algorithm, key, issuer, audience }: Config['auth']['jwt']) {
  return { algorithm, key, ...(issuer ? { issuer } : {}), ...(audience ? { audience } : {}) }
}

async function allReady(shards: readonly ServingShard[]): Promise<boolean> {
  const states = await Promise.all(shards.map((shard) => shard.status()))
  return states.every((state) => state.ready)
}
