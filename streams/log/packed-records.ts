// Records as one buffer that can be moved between threads or written to a socket; values are views of it on arrival.
import { batchHeaderBytes, encodeBatch, forEachRecord, headerAt } from './batch-frame.ts'
import type { AppendOutcome, LogRecord, NewRecord, Offset, Partition } from './log.ts'
import { readRecord, wantedPartitionAt } from './record-frame.ts'

/** Owns its whole ArrayBuffer. */
export type PackedRecords = Uint8Array<ArrayBuffer>

export function packNewRecords(records: readonly NewRecord[]): PackedRecords {
  return wholeOf(encodeBatch(records, 0, 0))
}

export function unpackNewRecords(packed: Uint8Array): NewRecord[] {
  const records: NewRecord[] = []
  const { body, count } = bodyOf(packed)
  forEachRecord(body, count, (at) => {
    const { key, value, timestampMs, eventId, source } = readRecord(body, at, '', 0 as Partition, 0)
    const partition = wantedPartitionAt(body, at)
    records.push({
      key,
      value,
      timestampMs,
      ...(eventId === undefined ? {} : { eventId }),
      ...(source === undefined ? {} : { source }),
      ...(partition === undefined ? {} : { partition }),
    })
  })
  return records
}

export function packLogRecords(records: readonly LogRecord[]): PackedRecords {
  const offsets = records.map((record) => record.offset)
  return wholeOf(encodeBatch(records, offsets[0] ?? 0, 0, offsets))
}

export function unpackLogRecords(packed: Uint8Array, topic: string, partition: Partition): LogRecord[] {
  const records: LogRecord[] = []
  const { body, count, baseOffset } = bodyOf(packed)
  forEachRecord(body, count, (at) => records.push(readRecord(body, at, topic, partition, baseOffset)))
  return records
}

/** Two numbers an outcome: partition and whether it was a repeat, then the offset. */
export function packOutcomes(outcomes: readonly AppendOutcome[]): Float64Array<ArrayBuffer> {
  const packed = new Float64Array(2 * outcomes.length)
  for (let index = 0; index < outcomes.length; index++) {
    const { status, partition, offset } = outcomes[index]!
    packed[2 * index] = 2 * partition + (status === 'duplicate' ? 1 : 0)
    packed[2 * index + 1] = offset
  }
  return packed
}

export function unpackOutcomes(packed: Float64Array): AppendOutcome[] {
  const outcomes: AppendOutcome[] = []
  for (let index = 0; index < packed.length; index += 2) {
    const first = packed[index]!
    outcomes.push({
      status: first % 2 === 1 ? 'duplicate' : 'appended',
      partition: Math.floor(first / 2) as Partition,
      offset: packed[index + 1]! as Offset,
    })
  }
  return outcomes
}

function wholeOf(buffer: Buffer): PackedRecords {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength)
}

function bodyOf(packed: Uint8Array): { body: Buffer; count: number; baseOffset: number } {
  const buffer = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength)
  const { recordCount, baseOffset } = headerAt(buffer, 0)
  return { body: buffer.subarray(batchHeaderBytes), count: recordCount, baseOffset }
}
