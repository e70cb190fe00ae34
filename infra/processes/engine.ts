// One process of Freshet: the log, the gateway and what answers other processes in this thread, everything else in threads of
// its own. It starts whole or not at all, and stops in the order in which nothing is lost: door, serving, learning, log.
import { mkdirSync } from 'node:fs'
import type { Log } from '../../streams/log/log.ts'
import { allLags, type PartitionLag } from '../../streams/processor/lag.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { Config } from '../config/config.ts'
import { type Door, openDoor } from './door.ts'
import { type MetricsServer, metricsServer } from './metrics-server.ts'
import { joinMetrics } from './metrics-text.ts'
import { checkModelFeatures } from './model-features.ts'
import { modelSetup } from './model-setup.ts'
import { type OwnLog, openOwnLog } from './open-log.ts'
import { withPromotedModel } from './promoted-model.ts'
import type { RoleThreadSettings } from './role-worker.ts'
import { checkRoles, type Role, rolesOf, threadsOf } from './roles.ts'
import { type RunningFile, writeRunningFile } from './running-file.ts'
import { joinStatus, type LearningStatus } from './running-role.ts'
import type { FreshnessBin, ServingSettings } from './serving-worker.ts'
import type { ThreadSettings } from './worker-entry.ts'
import { startWorkerThread, type WorkerThread } from './worker-thread.ts'

export type { FreshnessBin } from './serving-worker.ts'

export interface Engine {
  readonly roles: readonly Role[]
  /** Address of the gateway; null without that role. */
  readonly url: string | null
  /** host:port where other processes call this one: gateways its serving shards, else trainers its parameter shard. Null where
   *  nobody does. */
  readonly rpc: string | null
  /** Where /metrics is answered. */
  readonly metrics: string
  readonly log: Log
  /** null without a role of learning. */
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

/** Every role of the deployment by default. Throws config-invalid where settings and roles do not go together. */
export async function startEngine(
  configured: Config,
  runtime: Runtime,
  roles: ReadonlySet<Role> = rolesOf(configured),
): Promise<Engine> {
  checkRoles(configured, roles)
  mkdirSync(configured.dataDir, { recursive: true })
  const own = await openOwnLog(configured, modelSetup(configured).spec.model, runtime)
  const config = await withPromotedModel(own.log, configured)
    .then(async (promoted) => {
      await checkModelFeatures(own.log, promoted, roles)
      return promoted
    })
    .catch((error) => own.close().then(() => Promise.reject(error)))
  const threads: WorkerThread[] = []
  const start = async <Settings extends ThreadSettings>(
    name: string,
    file: string,
    settings: Settings,
  ): Promise<WorkerThread> => {
    const thread = startWorkerThread(name, new URL(file, import.meta.url), settings)
    threads.push(thread)
    own.lend(thread.logPort)
    // A thread that ends closes its channel too, but only its end says why.
    const isReady = thread.calls
      .call('ready')
      .catch((error: unknown) => thread.ended.then((cause) => Promise.reject(cause ?? error)))
    await Promise.race([isReady, thread.ended.then((error) => Promise.reject(error))])
    return thread
  }
  let door: Door | null = null
  try {
    const shards = roles.has('serving') ? Array.from({ length: config.serving.shards }, (_, shard) => shard) : []
    const isGateway = roles.has('gateway')
    // Shards that serve have the port that gateways were told; owners of parameters are found by their claims.
    const rpcPort = roles.has('serving') && !isGateway ? 0 : config.rpc.port
    const [serving, learning] = await Promise.all([
      Promise.all(
        shards.map((shard) =>
          start<ServingSettings>(`serving-${shard}`, './serving-worker.ts', { config, shard, isGateway }),
        ),
      ),
      Promise.all(
        threadsOf(roles).map(({ name, roles: together }) =>
          start<RoleThreadSettings>(name, './role-worker.ts', { config, name, roles: together, rpcPort }),
        ),
      ),
    ])
    const threadMetrics = async (): Promise<string> => {
      const asked = threads.map((thread) => thread.calls.call<string>('metrics').catch(() => ''))
      return joinMetrics(await Promise.all(asked))
    }
    door = await openDoor({ config, runtime, roles, log: own.log, serving, threadMetrics })
    const called = await Promise.all(learning.map(({ calls }) => calls.call<string | null>('rpc')))
    const rpc = door.rpc ?? called.find((address) => address !== null) ?? null
    const { host, port } = config.metrics
    const metrics = door.url ? null : await metricsServer({ host, port, text: threadMetrics, ready: door.ready })
    const addresses = { url: door.url, rpc, metrics: `${door.url ?? metrics!.url}/metrics` }
    const running = writeRunningFile(config.dataDir, addresses)
    return runningEngine({
      roles: [...roles],
      own,
      threads,
      serving,
      learning,
      door,
      metrics,
      addresses,
      running,
      runtime,
    })
  } catch (error) {
    await door?.close()
    await Promise.all(threads.map((thread) => thread.stop()))
    await own.close()
    throw error
  }
}

interface Parts {
  readonly roles: readonly Role[]
  readonly own: OwnLog
  readonly threads: readonly WorkerThread[]
  readonly serving: readonly WorkerThread[]
  readonly learning: readonly WorkerThread[]
  readonly door: Door
  readonly metrics: MetricsServer | null
  readonly addresses: { readonly url: string | null; readonly rpc: string | null; readonly metrics: string }
  readonly running: RunningFile
  readonly runtime: Runtime
}

function runningEngine(parts: Parts): Engine {
  const { own, threads, serving, learning, door, metrics, running, runtime } = parts
  let stopped: Promise<void> | null = null
  const stop = async (): Promise<void> => {
    running.remove()
    await door.close()
    await Promise.all(serving.map((thread) => thread.stop()))
    await Promise.all(learning.map((thread) => thread.stop()))
    await metrics?.close()
    await own.close()
  }
  return {
    ...parts.addresses,
    roles: parts.roles,
    log: own.log,
    learning: async () =>
      joinStatus(await Promise.all(learning.map(({ calls }) => calls.call<LearningStatus>('status')))),
    async freshness() {
      const bins = await Promise.all(serving.map((thread) => thread.calls.call<FreshnessBin[]>('freshness')))
      const examplesByEdge = new Map<number, number>()
      for (const { upToMs, examples } of bins.flat()) {
        examplesByEdge.set(upToMs, (examplesByEdge.get(upToMs) ?? 0) + examples)
      }
      return [...examplesByEdge].sort(([a], [b]) => a - b).map(([upToMs, examples]) => ({ upToMs, examples }))
    },
    lag: () => allLags(own.log),
    async whenReady() {
      while (!(await door.ready())) await runtime.timers.sleep(readyPollMs)
    },
    async rehearse() {
      await Promise.all(serving.map((thread) => thread.calls.call('rehearse')))
    },
    failed: Promise.race(threads.map((thread) => thread.ended.then((error) => error ?? new Promise<never>(() => {})))),
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}
