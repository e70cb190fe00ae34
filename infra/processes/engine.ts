// One process of Freshet: the log and the gateway in this thread, learning, serving and projections in threads of their own.
// It starts whole or not at all, and stops in the order in which nothing is lost: door, serving, learning, log.
import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Registry } from 'prom-client'
import { type Gateway, gateway } from '../../serving/gateway/gateway.ts'
import { gatewayMetrics } from '../../serving/gateway/gateway-metrics.ts'
import type { ServingShard } from '../../serving/shard.ts'
import { webFiles } from '../../serving/web/web-files.ts'
import type { Log } from '../../streams/log/log.ts'
import { partitionForKey } from '../../streams/log/murmur2.ts'
import { allLags, type PartitionLag } from '../../streams/processor/lag.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { Config } from '../config/config.ts'
import type { LearningStatus } from './learning-metrics.ts'
import { modelSetup } from './model-setup.ts'
import { type OwnLog, openOwnLog } from './open-log.ts'
import { type RunningFile, writeRunningFile } from './running-file.ts'
import type { ServingSettings } from './serving-worker.ts'
import { remoteShard } from './shard-channel.ts'
import type { ThreadSettings } from './worker-entry.ts'
import { startWorkerThread, type WorkerThread } from './worker-thread.ts'

export const roleNames = ['gateway', 'learning', 'projections'] as const
export type Role = (typeof roleNames)[number]

export interface FreshnessBin {
  readonly upToMs: number
  readonly examples: number
}

export interface Engine {
  /** null without the gateway role. */
  readonly url: string | null
  readonly log: Log
  /** null without the learning role. */
  learning(): Promise<LearningStatus | null>
  /** Ages at which examples became servable, since start, over all shards of this process. */
  freshness(): Promise<FreshnessBin[]>
  lag(): Promise<PartitionLag[]>
  /** Resolves when the shards have caught up with the log as it was at the start. */
  whenReady(): Promise<void>
  /** Lets every shard make pages that nobody gets: after a catalog came, before people do. */
  rehearse(): Promise<void>
  /** Resolves with what made a thread end by itself. */
  readonly failed: Promise<Error>
  stop(): Promise<void>
}

const readyPollMs = 25

export async function startEngine(config: Config, runtime: Runtime, roles: ReadonlySet<Role>): Promise<Engine> {
  checkRoles(config, roles)
  mkdirSync(config.dataDir, { recursive: true })
  const { spec } = modelSetup(config)
  const own = await openOwnLog(config, spec.model, runtime)
  const threads: WorkerThread[] = []
  const start = async <Settings extends ThreadSettings>(
    name: string,
    file: string,
    settings: Settings,
  ): Promise<WorkerThread> => {
    const thread = startWorkerThread(name, new URL(file, import.meta.url), settings)
    threads.push(thread)
    own.lend(thread.logPort)
    await Promise.race([thread.calls.call('ready'), thread.ended.then((error) => Promise.reject(error))])
    return thread
  }
  try {
    const shardNumbers = roles.has('gateway') ? Array.from({ length: config.serving.shards }, (_, shard) => shard) : []
    const [shardThreads, learning] = await Promise.all([
      Promise.all(
        shardNumbers.map((shard) =>
          start<ServingSettings>(`serving-${shard}`, './serving-worker.ts', { config, shard }),
        ),
      ),
      roles.has('learning') ? start('learning', './learning-worker.ts', { config }) : null,
      roles.has('projections') ? start('projections', './projections-worker.ts', { config }) : null,
    ])
    const door = roles.has('gateway') ? await openDoor(config, runtime, own, shardThreads, threads) : null
    const running = writeRunningFile(config.dataDir, door?.url ?? null)
    return runningEngine({ own, threads, shardThreads, learning, door, running, runtime })
  } catch (error) {
    await Promise.all(threads.map((thread) => thread.stop()))
    await own.close()
    throw error
  }
}

function checkRoles(config: Config, roles: ReadonlySet<Role>): void {
  if (config.log.driver === 'embedded' && roles.size < roleNames.length) {
    throw new FreshetError(
      'config-invalid',
      'the embedded log belongs to one process; for fewer roles set log.driver to kafka',
    )
  }
  if (config.log.partitions !== 1) {
    throw new FreshetError(
      'config-invalid',
      `log.partitions is ${config.log.partitions}, but one trainer folds one partition; set it to 1`,
    )
  }
}

async function openDoor(
  config: Config,
  runtime: Runtime,
  own: OwnLog,
  shardThreads: readonly WorkerThread[],
  threads: readonly WorkerThread[],
): Promise<Gateway> {
  const shards = shardThreads.map((thread) => remoteShard(thread.calls))
  const { partitions } = config.log
  const { mode, jwt } = config.auth
  return gateway({
    log: own.log,
    shards: (userId) => shards[partitionForKey(userId, partitions) % shards.length]!,
    everyShard: () => shards,
    runtime,
    partitions,
    metrics: gatewayMetrics(new Registry()),
    moreMetrics: async () => {
      const asked = threads.map((thread) => thread.calls.call<string>('metrics').catch(() => ''))
      return (await Promise.all(asked)).join('\n')
    },
    ready: () => allReady(shards),
    host: config.gateway.host,
    port: config.gateway.port,
    authMode: mode,
    ...(mode === 'jwt' ? { jwt: jwtOptions(jwt) } : {}),
    allowedOrigins: config.gateway.allowedOrigins,
    web: await webFiles((file) => readFile(file)),
    limits: config.limits,
    onUnexpected: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
  })
}

function jwtOptions({ algorithm, key, issuer, audience }: Config['auth']['jwt']) {
  return { algorithm, key, ...(issuer ? { issuer } : {}), ...(audience ? { audience } : {}) }
}

async function allReady(shards: readonly ServingShard[]): Promise<boolean> {
  const states = await Promise.all(shards.map((shard) => shard.status()))
  return states.every((state) => state.ready)
}

interface Parts {
  readonly own: OwnLog
  readonly threads: readonly WorkerThread[]
  readonly shardThreads: readonly WorkerThread[]
  readonly learning: WorkerThread | null
  readonly door: Gateway | null
  readonly running: RunningFile
  readonly runtime: Runtime
}

function runningEngine({ own, threads, shardThreads, learning, door, running, runtime }: Parts): Engine {
  let stopped: Promise<void> | null = null
  const stop = async (): Promise<void> => {
    running.remove()
    await door?.close()
    await Promise.all(shardThreads.map((thread) => thread.stop()))
    await Promise.all(threads.filter((thread) => !shardThreads.includes(thread)).map((thread) => thread.stop()))
    await own.close()
  }
  const shards = shardThreads.map((thread) => remoteShard(thread.calls))
  return {
    url: door?.url ?? null,
    log: own.log,
    learning: async () => (learning ? learning.calls.call<LearningStatus>('status') : null),
    async freshness() {
      const bins = await Promise.all(shardThreads.map((thread) => thread.calls.call<FreshnessBin[]>('freshness')))
      const examplesByEdge = new Map<number, number>()
      for (const { upToMs, examples } of bins.flat()) {
        examplesByEdge.set(upToMs, (examplesByEdge.get(upToMs) ?? 0) + examples)
      }
      return [...examplesByEdge].sort(([a], [b]) => a - b).map(([upToMs, examples]) => ({ upToMs, examples }))
    },
    lag: () => allLags(own.log),
    async whenReady() {
      while (!(await allReady(shards))) await runtime.timers.sleep(readyPollMs)
    },
    async rehearse() {
      await Promise.all(shardThreads.map((thread) => thread.calls.call('rehearse')))
    },
    failed: Promise.race(threads.map((thread) => thread.ended.then((error) => error ?? new Promise<never>(() => {})))),
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}
