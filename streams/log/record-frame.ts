// Bytes of one record inside a batch. Little-endian head of 20 bytes: u32 offset delta, u8 flags, u8 event id bytes,
// u16 key bytes, u32 value bytes, f64 timestampMs; then, where flagged, the source (f64 offset, u32 ordinal) and the
// wanted partition (u32); then key, event id, value. The same bytes travel between threads and processes.
import type { LogRecord, NewRecord, Offset, Partition } from './log.ts'

const headBytes = 20
const sourceBytes = 12
const partitionBytes = 4
const hasKey = 1
const hasValue = 2
const hasEventId = 4
const hasSource = 8
const hasPartition = 16

export const keyBytesMax = 0xffff
export const eventIdBytesMax = 0xff

/** Bytes the record takes in a batch. */
export function framedBytes(record: NewRecord): number {
  return (
    headBytes +
    (record.source ? sourceBytes : 0) +
    (record.partition === undefined ? 0 : partitionBytes) +
    (record.key === null ? 0 : Buffer.byteLength(record.key)) +
    (record.eventId === undefined ? 0 : Buffer.byteLength(record.eventId)) +
    (record.value?.byteLength ?? 0)
  )
}

/** Writes one record at `at` and returns where the next one goes. Lengths must have been checked before. */
export function writeRecord(out: Buffer, at: number, offsetDelta: number, record: NewRecord): number {
  let flags = 0
  let end = at + headBytes
  if (record.source) {
    flags |= hasSource
    out.writeDoubleLE(record.source.offset, end)
    out.writeUInt32LE(record.source.ordinal, end + 8)
    end += sourceBytes
  }
  if (record.partition !== undefined) {
    flags |= hasPartition
    out.writeUInt32LE(record.partition, end)
    end += partitionBytes
  }
  let keyBytes = 0
  if (record.key !== null) {
    flags |= hasKey
    keyBytes = writeText(out, end, record.key)
    end += keyBytes
  }
  let eventIdBytes = 0
  if (record.eventId !== undefined) {
    flags |= hasEventId
    eventIdBytes = writeText(out, end, record.eventId)
    end += eventIdBytes
  }
  if (record.value !== null) {
    flags |= hasValue
    out.set(record.value, end)
    end += record.value.byteLength
  }
  out.writeUInt32LE(offsetDelta, at)
  out[at + 4] = flags
  out[at + 5] = eventIdBytes
  out.writeUInt16LE(keyBytes, at + 6)
  out.writeUInt32LE(record.value?.byteLength ?? 0, at + 8)
  out.writeDoubleLE(record.timestampMs, at + 12)
  return end
}

/** Bytes of the record that starts at `at`. */
export function recordBytesAt(bytes: Buffer, at: number): number {
  const flags = bytes[at + 4]!
  return (
    headBytes +
    (flags & hasSource ? sourceBytes : 0) +
    (flags & hasPartition ? partitionBytes : 0) +
    bytes.readUInt16LE(at + 6) +
    bytes[at + 5]! +
    bytes.readUInt32LE(at + 8)
  )
}

export function offsetDeltaAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at)
}

export function timestampMsAt(bytes: Buffer, at: number): number {
  return bytes.readDoubleLE(at + 12)
}

/** Where the event id of the record at `at` stands, or null. */
export function eventIdRangeAt(bytes: Buffer, at: number): { start: number; end: number } | null {
  const flags = bytes[at + 4]!
  if (!(flags & hasEventId)) return null
  const optional = (flags & hasSource ? sourceBytes : 0) + (flags & hasPartition ? partitionBytes : 0)
  const start = at + headBytes + optional + bytes.readUInt16LE(at + 6)
  return { start, end: start + bytes[at + 5]! }
}

/** The record at `at`; its value is a view of `bytes`. */
export function readRecord(bytes: Buffer, at: number, topic: string, partition: Partition, base: number): LogRecord {
  const flags = bytes[at + 4]!
  const keyBytes = bytes.readUInt16LE(at + 6)
  const eventIdBytes = bytes[at + 5]!
  const valueBytes = bytes.readUInt32LE(at + 8)
  const optional = (flags & hasSource ? sourceBytes : 0) + (flags & hasPartition ? partitionBytes : 0)
  const keyAt = at + headBytes + optional
  const eventIdAt = keyAt + keyBytes
  const valueAt = eventIdAt + eventIdBytes
  const record: Mutable<LogRecord> = {
    topic,
    partition,
    offset: (base + bytes.readUInt32LE(at)) as Offset,
    key: flags & hasKey ? bytes.toString('utf8', keyAt, eventIdAt) : null,
    value: flags & hasValue ? bytes.subarray(valueAt, valueAt + valueBytes) : null,
    timestampMs: bytes.readDoubleLE(at + 12),
  }
  if (flags & hasEventId) record.eventId = bytes.toString('utf8', eventIdAt, valueAt)
  if (flags & hasSource) {
    const sourceAt = at + headBytes
    record.source = {
      offset: bytes.readDoubleLE(sourceAt) as Offset,
      ordinal: bytes.readUInt32LE(sourceAt + 8),
    }
  }
  return record
}

/** The partition the writer of the record at `at` asked for, or undefined. */
export function wantedPartitionAt(bytes: Buffer, at: number): Partition | undefined {
  const flags = bytes[at + 4]!
  if (!(flags & hasPartition)) return undefined
  return bytes.readUInt32LE(at + headBytes + (flags & hasSource ? sourceBytes : 0)) as Partition
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Ids and keys are short ASCII nearly always: one loop instead of a call into the runtime. */
function writeText(out: Buffer, at: number, text: string): number {
  const length = text.length
  if (length > 64) return out.write(text, at, 'utf8')
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code > 127) return out.write(text, at, 'utf8')
    out[at + index] = code
  }
  return length
}
