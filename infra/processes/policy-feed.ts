// The events of `policies` for whoever acts on some of them: all that the log held first, then each that comes, until closed.
import { decode } from '../../schemas/codec.ts'
import type { PoliciesRecord } from '../../schemas/generated.ts'
import { policies } from '../../schemas/topics.ts'
import { type Log, type LogRecord, offsetOf, partitionOf } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'

export interface PolicyFeed {
  /** What the log held at the start, in order. */
  readonly past: readonly PoliciesRecord[]
  /** From now on `onNews` is told of each that came after those, once only. */
  follow(onNews: (record: PoliciesRecord) => void): void
  /** Nobody is told of anything once it has resolved. */
  close(): Promise<void>
}

export interface PolicyFeedOptions {
  readonly log: Pick<Log, 'bounds' | 'openReader'>
  readonly runtime: Pick<Runtime, 'timers'>
}

const position = { topic: policies, partition: partitionOf(0) }
const recordsMax = 256
const waitMsMax = 1_000
/** Between tries where the log is away. */
const retryMs = 250

/** Resolves when everything that the log held is known. */
export async function policyFeed({ log, runtime }: PolicyFeedOptions): Promise<PolicyFeed> {
  const { past, next } = await readThrough(log)
  const control = new AbortController()
  const { signal } = control

  async function readFrom(from: number, onNews: (record: PoliciesRecord) => void): Promise<number> {
    const reader = await log.openReader({ ...position, from: offsetOf(from) })
    const stop = () => void reader.close()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for (;;) {
        for (const record of policiesAmong(await reader.next({ recordsMax, waitMsMax }))) onNews(record)
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

  async function followOn(onNews: (record: PoliciesRecord) => void): Promise<void> {
    for (let from: number = next; !signal.aborted; ) {
      from = await readFrom(from, onNews).catch((error: unknown) => {
        if (error instanceof FreshetError) return from
        throw error
      })
      await runtime.timers.sleep(retryMs, signal).catch(() => {})
    }
  }

  let following = Promise.resolve()
  return {
    past,
    follow(onNews) {
      following = followOn(onNews)
    },
    async close() {
      control.abort()
      await following
    },
  }
}

/** Every event of `policies` that the log holds now, in order; none where there is no such topic yet. */
export async function policiesInLog(log: Pick<Log, 'bounds' | 'openReader' | 'topics'>): Promise<PoliciesRecord[]> {
  if (!(await log.topics()).some(({ name }) => name === policies)) return []
  return (await readThrough(log)).past
}

async function readThrough(
  log: Pick<Log, 'bounds' | 'openReader'>,
): Promise<{ readonly past: PoliciesRecord[]; readonly next: number }> {
  const { earliest, latest } = await log.bounds(position)
  const reader = await log.openReader({ ...position, from: earliest })
  const past: PoliciesRecord[] = []
  try {
    while (reader.position < latest) {
      const read = await reader.next({ recordsMax, waitMsMax })
      if (read.length === 0) break
      past.push(...policiesAmong(read))
    }
    return { past, next: Math.max(reader.position, earliest) }
  } finally {
    await reader.close()
  }
}

const types: Readonly<Record<PoliciesRecord['type'], true>> = {
  ModelPromoted: true,
  ModelRolledBack: true,
  ModelShadowed: true,
  PolicyChanged: true,
  ShadowEnded: true,
}

function policiesAmong(records: readonly LogRecord[]): PoliciesRecord[] {
  return records.flatMap(({ value }) => {
    const record = value === null ? null : decode(value)
    return record !== null && record.type in types ? [record as PoliciesRecord] : []
  })
}
