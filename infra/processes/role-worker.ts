// A worker thread that runs one or several roles of learning, each loaded only where it is wanted.
import { setPriority } from 'node:os'
import { Registry } from 'prom-client'
import { writtenBlobs } from './blob-folder.ts'
import { modelSetup } from './model-setup.ts'
import { roleMetrics } from './role-metrics.ts'
import type { Role } from './roles.ts'
import { type LearningStatus, type RolePlace, type RunningRole, statusOf } from './running-role.ts'
import { runThread, type ThreadSettings } from './worker-entry.ts'

export interface RoleThreadSettings extends ThreadSettings {
  readonly name: string
  readonly roles: readonly Role[]
  /** Of a parameter shard among them. */
  readonly rpcPort: number
}

type WorkerRole = Exclude<Role, 'gateway' | 'serving'>

const starters: Readonly<Record<WorkerRole, () => Promise<(place: RolePlace) => Promise<RunningRole>>>> = {
  learning: async () => (await import('./roles/learning-role.ts')).learningRole,
  joiner: async () => (await import('./roles/joiner-role.ts')).joinerRole,
  counter: async () => (await import('./roles/counter-role.ts')).counterRole,
  trainer: async () => (await import('./roles/trainer-role.ts')).trainerRole,
  shard: async () => (await import('./roles/shard-role.ts')).shardRole,
  encoder: async () => (await import('./roles/encoder-role.ts')).encoderRole,
  projections: async () => (await import('./roles/projections-role.ts')).projectionsRole,
}

/** Where processors are short, a feed comes before learning from it, and learning before new vectors. On Linux this is the
 *  niceness of this thread alone; elsewhere it would be the whole process's. */
const nicenessOf: Readonly<Partial<Record<Role, number>>> = { learning: 5, encoder: 10 }

await runThread<RoleThreadSettings>(async ({ settings, log, runtime }) => {
  const { config, name, roles, rpcPort } = settings
  const niceness = Math.min(...roles.map((role) => nicenessOf[role] ?? 0))
  if (process.platform === 'linux' && niceness > 0) setPriority(niceness)
  const registry = new Registry()
  const blobs = writtenBlobs(config, name)
  const place: RolePlace = { config, setup: modelSetup(config), log, blobs, runtime, rpcPort, registry }
  const running = await startAll(roles, place)
  roleMetrics(registry, running)
  return {
    handlers: {
      status: (): LearningStatus => statusOf(running),
      metrics: () => registry.metrics(),
      rpc: () => running.find((role) => role.rpc)?.rpc ?? null,
    },
    failed: Promise.race(running.map((role) => role.ended)).then(() => new Promise<never>(() => {})),
    stop: async () => void (await Promise.all(running.map((role) => role.stop()))),
  }
})

/** All of them, or none: what had started is stopped where another could not start. */
async function startAll(roles: readonly Role[], place: RolePlace): Promise<RunningRole[]> {
  const starting = roles.map(async (role) => (await starters[role as WorkerRole]())(place))
  const results = await Promise.allSettled(starting)
  const running = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failure = results.find((result) => result.status === 'rejected')
  if (!failure) return running
  await Promise.allSettled(running.map((role) => role.stop()))
  throw failure.reason
}
