// Which rollbacks the policies hold: known up to the end of the log before an owner folds anything, followed from then on.
import { decode, recordTypeOf } from '../../schemas/codec.ts'
import type { ModelRolledBack } from '../../schemas/generated.ts'
import { policies } from '../../schemas/topics.ts'
import { type Log, type LogRecord, offsetOf, partitionOf } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'

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

const position = { topic: policies, partition: partitionOf(0) }
const recordsMax = 256
const waitMsMax = 1_000
/** Between tries where the log is away. */
const retryMs = 250

/** Resolves when everything that the log held is known. */
export async function modelRollbacks({ log, runtime, onRollback }: ModelRollbacksOptions): Promise<ModelRollbacks> {
  const records: ModelRolledBack[] = []
  const { next } = await readThrough(log, (record) => records.push(record))
  const control = new AbortController()
  const { signal } = control

  async function follow(from: number): Promise<number> {
    const reader = await log.openReader({ ...position, from: offsetOf(from) })
    const stop = () => void reader.close()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for (;;) {
        for (const record of rollbacksAmong(await reader.next({ recordsMax, waitMsMax }))) {
          records.push(record)
          onRollback(record)
        }
        if (signal.aborted) return reader.position
        from = reader.position
      }
    } catch (error) {
      if (!(error instanceof FreshetError)) throw error
      return from
    } finally {
      signal.removeEventListener('abort', stop)
      await reader.close()
    }
  }

  async function followOn(): Promise<void> {
    for (let from: number = next; !signal.aborted; ) {
      from = await follow(from).catch((error: unknown) => {
        if (error instanceof FreshetError) return from
        throw error
      })
      await runtime.timers.sleep(retryMs, signal).catch(() => {})
    }
  }

  const following = followOn()
  return {
    records,
    async close() {
      control.abort()
      await following
    },
  }
}

/** Every rollback that the log holds now, in order. */
export async function rollbacksInLog(log: Pick<Log, 'bounds' | 'openReader'>): Promise<ModelRolledBack[]> {
  const records: ModelRolledBack[] = []
  await readThrough(log, (record) => records.push(record))
  return records
}

async function readThrough(
  log: Pick<Log, 'bounds' | 'openReader'>,
  take: (record: ModelRolledBack) => void,
): Promise<{ readonly next: number }> {
  const { earliest, latest } = await log.bounds(position)
  const reader = await log.openReader({ ...position, from: earliest })
  try {
    while (reader.position < latest) {
      const read = await reader.next({ recordsMax, waitMsMax })
      if (read.length === 0) break
      for (const record of rollbacksAmong(read)) take(record)
    }
    return { next: Math.max(reader.position, earliest) }
  } finally {
    await reader.close()
  }
}

function rollbacksAmong(records: readonly LogRecord[]): ModelRolledBack[] {
  return records.flatMap(({ value }) => {
    if (value === null || recordTypeOf(value) !== 'ModelRolledBack') return []
    const record = decode(value)
    return record.type === 'ModelRolledBack' ? [record] : []
  })
}
