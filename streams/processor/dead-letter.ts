// Bad records as they lie in `<topic>.dead-letter`: one JSON object with where the record was, why it was refused and by
// whom, and its bytes in base64, under the record's own key and partition. So nothing is lost and people can read it.
import type { LogRecord, NewRecord } from '../log/log.ts'

export interface DeadLetter {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly reason: string
  /** The record's value, base64. */
  readonly value: string
}

/** The dead letter of a record. Several groups may write one each; `group` tells them apart. */
export function deadLetterOfRecord(group: string, record: LogRecord, reason: string): NewRecord {
  const letter: DeadLetter = {
    group,
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestampMs: record.timestampMs,
    reason,
    value: Buffer.from(record.value ?? []).toString('base64'),
  }
  return {
    key: record.key,
    value: Buffer.from(JSON.stringify(letter)),
    timestampMs: record.timestampMs,
    partition: record.partition,
    source: { offset: record.offset, ordinal: 0 },
  }
}

/** null where the value is no dead letter. */
export function readDeadLetter(value: Uint8Array | null): DeadLetter | null {
  try {
    const letter = JSON.parse(Buffer.from(value ?? []).toString('utf8')) as DeadLetter
    return typeof letter?.group === 'string' && typeof letter.reason === 'string' ? letter : null
  } catch {
    return null
  }
}
