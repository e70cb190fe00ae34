// What every role of a worker thread is to it: something that runs until it is stopped, tells how far it has come, and says
// when it cannot go on.
import type { Registry } from 'prom-client'
import type { Log } from '../../streams/log/log.ts'
import type { RunnerProgress } from '../../streams/processor/partition-runner.ts'
import type { ProcessorGroup } from '../../streams/processor/processor-group.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import type { Config } from '../config/config.ts'
import type { ModelSetup } from './model-setup.ts'
import type { HeadLead } from './paired-outcomes.ts'

/** What a role is started with. */
export interface RolePlace {
  readonly config: Config
  readonly setup: ModelSetup
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
  /** Where a parameter shard of this process answers pulls; 0: any. */
  readonly rpcPort: number
  /** Takes the role's own metrics. */
  readonly registry: Registry
}

/** How well a learner predicted before it learned. */
export interface LearningQuality {
  readonly model: string
  readonly examplesTrained: number
  /** Over the newest examples, by head; NaN where there are too few of one kind. */
  readonly auc: Readonly<Record<string, number>>
  readonly logLoss: Readonly<Record<string, number>>
}

/** The same of a model that learns beside the one that serves. */
export interface ShadowQuality extends LearningQuality {
  /** False: it could not go on, or could not start. */
  readonly running: boolean
  /** Since the process started. */
  readonly failures: number
  /** Examples that both it and the model that serves predicted, since the process started. */
  readonly pairs: number
  /** By head: how far it is ahead on the newest of those. */
  readonly lead: Readonly<Record<string, HeadLead>>
}

/** What the roles of a thread tell in one answer; shadows are told of apart. */
export interface LearningStatus extends Omit<LearningQuality, 'model'> {
  readonly deadLetters: number
  readonly processors: readonly Readonly<RunnerProgress>[]
}

export interface RunningRole {
  progress(): readonly Readonly<RunnerProgress>[]
  quality?(): LearningQuality
  shadows?(): readonly ShadowQuality[]
  /** host:port where other processes call it. */
  readonly rpc?: string
  /** Rejects with what made going on impossible; resolves after `stop`. */
  readonly ended: Promise<void>
  /** Stops behind a checkpoint. */
  stop(): Promise<void>
}

/** A role that is one processor group. */
export function roleOf(group: ProcessorGroup): RunningRole {
  return { progress: () => group.progress(), ended: group.ended, stop: () => group.stop() }
}

/** Settings of every processor group of a role. */
export function groupSettings({ config, log, blobs, runtime }: RolePlace) {
  return { log, blobs, runtime, checkpointEveryMs: config.checkpointIntervalMs }
}

export function statusOf(roles: readonly RunningRole[]): LearningStatus {
  const processors = roles.flatMap((role) => role.progress())
  const qualities = roles.flatMap((role) => role.quality?.() ?? [])
  return {
    examplesTrained: qualities.reduce((sum, one) => sum + one.examplesTrained, 0),
    auc: qualities[0]?.auc ?? {},
    logLoss: qualities[0]?.logLoss ?? {},
    deadLetters: processors.reduce((sum, one) => sum + one.deadLetters, 0),
    processors,
  }
}

/** The same of several threads; of quality, the first that has one. */
export function joinStatus(statuses: readonly LearningStatus[]): LearningStatus | null {
  if (statuses.length === 0) return null
  const learner = statuses.find(({ auc }) => Object.keys(auc).length > 0)
  return {
    examplesTrained: statuses.reduce((sum, one) => sum + one.examplesTrained, 0),
    auc: learner?.auc ?? {},
    logLoss: learner?.logLoss ?? {},
    deadLetters: statuses.reduce((sum, one) => sum + one.deadLetters, 0),
    processors: statuses.flatMap(({ processors }) => processors),
  }
}
