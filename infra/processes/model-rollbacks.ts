// Which rollbacks the policies hold: known up to the end of the log before an owner folds anything, followed from then on.
import type { ModelRolledBack, PoliciesRecord } from '../../schemas/generated.ts'
import type { Log } from '../../streams/log/log.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { policiesInLog, policyFeed } from './policy-feed.ts'

export interface ModelRollbacks {
  /** In the order of `policies`. */
  readonly records: readonly ModelRolledBack[]
  close(): Promise<void>
}

export interface ModelRollbacksOptions {
  readonly log: Pick<Log, 'bounds' | 'openReader'>
  readonly runtime: Pick<Runtime, 'timers'>
  /** Told of each that comes after the start, with `records` holding it already. */
  onRollback(record: ModelRolledBack): void
}

/** Resolves when everything that the log held is known. */
export async function modelRollbacks({ log, runtime, onRollback }: ModelRollbacksOptions): Promise<ModelRollbacks> {
  const feed = await policyFeed({ log, runtime })
  const records = rollbacksAmong(feed.past)
  feed.follow((record) => {
    if (record.type !== 'ModelRolledBack') return
    records.push(record)
    onRollback(record)
  })
  return { records, close: () => feed.close() }
}

/** Every rollback that the log holds now, in order. */
export async function rollbacksInLog(log: Pick<Log, 'bounds' | 'openReader' | 'topics'>): Promise<ModelRolledBack[]> {
  return rollbacksAmong(await policiesInLog(log))
}

function rollbacksAmong(records: readonly PoliciesRecord[]): ModelRolledBack[] {
  return records.filter((record) => record.type === 'ModelRolledBack')
}
