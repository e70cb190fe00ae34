// What the suites of the log share: the shape of a driver under test, and records and topics nobody else uses.
import assert from 'node:assert/strict'
import type { TopicSpec } from '../../schemas/topics.ts'
import { systemRuntime } from '../runtime/system-runtime.ts'
import { type Log, type LogRecord, type NewRecord, offsetOf, partitionOf } from './log.ts'

export interface LogUnderTest {
  log: Log
  /** Closes the log, if that was not done, and opens it again with what it kept; `log` is then the new one. */
  reopen(): Promise<void>
  /** Closes and removes all of it. */
  dispose(): Promise<void>
  /** Retention and compaction on demand, or why they cannot be asked for. */
  readonly maintenance:
    | { readonly kind: 'on-demand'; advanceClock(ms: number): void; run(): Promise<void> }
    | { readonly kind: 'by-itself'; readonly reason: string }
}

export interface LogDriver {
  readonly name: string
  make(): Promise<LogUnderTest>
  /** Limits the driver was made with; both small enough to reach in a test. */
  readonly recordBytesMax: number
  readonly inFlightBytesMax: number
}

/** Longer than any driver needs; a test that reaches it has failed. */
export const patienceMs = 30_000

let names = 0
const run = systemRuntime.randomness.id()

/** A topic nobody else uses, on servers that outlive a run too. */
export function freshTopic(overrides: Partial<TopicSpec> = {}): TopicSpec {
  const name = `suite-${run}-${names++}`
  return { name, partitions: 1, retentionMs: null, compacted: false, idempotenceMs: null, ...overrides }
}

export const freshGroup = (): string => `group-${run}-${names++}`

export function recordOf(text: string, overrides: Partial<NewRecord> = {}): NewRecord {
  return { key: null, value: Buffer.from(text), timestampMs: 1_700_000_000_000, ...overrides }
}

/** Reads until `count` records are there; fails when the log says for too long that there are no more. */
export async function readCount(log: Log, topic: string, count: number, from = 0, partition = 0): Promise<LogRecord[]> {
  const reader = await log.openReader({ topic, partition: partitionOf(partition), from: offsetOf(from) })
  const records: LogRecord[] = []
  while (records.length < count) {
    const more = await reader.next({ recordsMax: count - records.length, waitMsMax: patienceMs })
    assert.ok(more.length > 0, `${topic}/${partition} gave ${records.length} of ${count} records`)
    records.push(...more)
  }
  await reader.close()
  return records
}

export const textOf = (record: LogRecord): string => Buffer.from(record.value!).toString()

/** Makes a test of what to do with a log: opened before, removed after. */
export type WithLog = (body: (under: LogUnderTest) => Promise<void>) => () => Promise<void>
