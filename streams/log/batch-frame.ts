// Bytes of a batch: what one append call left in one partition, or a part of it. Little-endian header of 56 bytes: u32
// magic, u32 body bytes, u32 CRC-32 of the body, u32 record count, f64 base offset, f64 last offset, f64 appendedMs,
// f64 newest timestampMs, u32 durableBefore, u32 CRC-32 of the header before it. durableBefore is how many bytes of the
// file were synced when the batch was written: a batch that says so proves that everything before was once durable, which
// tells a write that a crash tore from a medium that lost acknowledged bytes.
import { crc32 } from 'node:zlib'
import type { NewRecord } from './log.ts'
import { framedBytes, recordBytesAt, writeRecord } from './record-frame.ts'

export const batchHeaderBytes = 56
/** 'FRB1' */
export const batchMagic = Buffer.from([0x46, 0x52, 0x42, 0x31])

export interface BatchHeader {
  readonly bodyBytes: number
  readonly bodyCrc: number
  readonly recordCount: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly appendedMs: number
  readonly timestampMsMax: number
  readonly durableBefore: number
}

/**
 * Frames records under dense offsets from `baseOffset`, or under `offsets` (ascending, the first equal to `baseOffset`).
 * The header is complete after sealBatch.
 */
export function encodeBatch(
  records: readonly NewRecord[],
  baseOffset: number,
  appendedMs: number,
  offsets?: readonly number[],
): Buffer {
  let size = batchHeaderBytes
  for (const record of records) size += framedBytes(record)
  const out = Buffer.allocUnsafeSlow(size)
  let at = batchHeaderBytes
  let timestampMsMax = Number.NEGATIVE_INFINITY
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    at = writeRecord(out, at, offsets ? offsets[index]! - baseOffset : index, record)
    if (record.timestampMs > timestampMsMax) timestampMsMax = record.timestampMs
  }
  batchMagic.copy(out, 0)
  out.writeUInt32LE(size - batchHeaderBytes, 4)
  out.writeUInt32LE(crc32(out.subarray(batchHeaderBytes)), 8)
  out.writeUInt32LE(records.length, 12)
  out.writeDoubleLE(baseOffset, 16)
  out.writeDoubleLE(offsets ? offsets[offsets.length - 1]! : baseOffset + records.length - 1, 24)
  out.writeDoubleLE(appendedMs, 32)
  out.writeDoubleLE(timestampMsMax, 40)
  return out
}

/** Completes the header when it is known how much of the file is durable. */
export function sealBatch(batch: Buffer, durableBefore: number): void {
  batch.writeUInt32LE(durableBefore, 48)
  batch.writeUInt32LE(crc32(batch.subarray(0, 52)), 52)
}

/** The header at `at`, or null when the bytes there are none. */
export function readBatchHeader(bytes: Buffer, at: number): BatchHeader | null {
  if (at + batchHeaderBytes > bytes.length || bytes.compare(batchMagic, 0, 4, at, at + 4) !== 0) return null
  if (crc32(bytes.subarray(at, at + 52)) !== bytes.readUInt32LE(at + 52)) return null
  return headerAt(bytes, at)
}

/** The header at `at` of bytes known to be a batch, sealed or not. */
export function headerAt(bytes: Buffer, at: number): BatchHeader {
  return {
    bodyBytes: bytes.readUInt32LE(at + 4),
    bodyCrc: bytes.readUInt32LE(at + 8),
    recordCount: bytes.readUInt32LE(at + 12),
    baseOffset: bytes.readDoubleLE(at + 16),
    lastOffset: bytes.readDoubleLE(at + 24),
    appendedMs: bytes.readDoubleLE(at + 32),
    timestampMsMax: bytes.readDoubleLE(at + 40),
    durableBefore: bytes.readUInt32LE(at + 48),
  }
}

/** Whether the body after the header at `at` is whole and unchanged. */
export function isBodyIntact(bytes: Buffer, at: number, header: BatchHeader): boolean {
  const start = at + batchHeaderBytes
  const end = start + header.bodyBytes
  return end <= bytes.length && crc32(bytes.subarray(start, end)) === header.bodyCrc
}

/** Calls `visit` with the position of each record of a body, in order. */
export function forEachRecord(body: Buffer, recordCount: number, visit: (at: number) => void): void {
  let at = 0
  for (let index = 0; index < recordCount; index++) {
    visit(at)
    at += recordBytesAt(body, at)
  }
}
