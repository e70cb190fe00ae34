// The Produce request of Kafka (version 7, record batches of format 2), written straight into one buffer, and its response
// with an outcome for every partition. The encoder of kafkajs copies each value six times, and it rejects a response whole
// for one partition that failed.
import { createRequire } from 'node:module'
import { crc32c } from './crc32c.ts'
import type { KafkaBroker, ProducerIdentity } from './kafka-cluster.ts'
import { eventIdHeader, sourceHeader, sourceText } from './kafka-records.ts'
import type { NewRecord } from './log.ts'

export interface ProduceRequest extends ProducerIdentity {
  readonly topic: string
  /** How long the broker waits for its replicas, milliseconds. */
  readonly replicasMsMax: number
  readonly batches: readonly { partition: number; firstSequence: number; records: readonly NewRecord[] }[]
}

/** Offset of the first record, or why there is none. */
export type ProduceOutcome = { readonly baseOffset: number } | { readonly error: Error }

const apiKey = 0
const apiVersion = 7
const allReplicas = -1
/** Bytes of a batch before its records, from its base offset on. */
const batchHeaderBytes = 61
const attributesAt = 21
const headerNames = { eventId: Buffer.from(eventIdHeader), source: Buffer.from(sourceHeader) }

/** Outcomes by partition. Rejects when the broker gave no answer. */
export async function produce(broker: KafkaBroker, request: ProduceRequest): Promise<Map<number, ProduceOutcome>> {
  const body = produceBody(request)
  return broker.connectionPool.send({
    request: { apiKey, apiVersion, apiName: 'Produce', encode: async () => ({ buf: body, buffer: body }) },
    response: { decode: async (answer: Buffer) => decoded(answer), parse: async ({ outcomes }) => outcomes },
  })
}

/** The request after its header. */
export function produceBody({ topic, replicasMsMax, batches, producerId, producerEpoch }: ProduceRequest): Buffer {
  const name = Buffer.from(topic)
  const sizes = batches.map(({ records }) => records.map(recordBytes))
  const batchBytes = sizes.map((own) => own.reduce((sum, size) => sum + varintBytes(size) + size, batchHeaderBytes))
  const bytes = batchBytes.reduce((sum, own) => sum + 8 + own, 18 + name.byteLength)
  const body = Buffer.allocUnsafe(bytes)
  body.writeInt16BE(-1, 0)
  body.writeInt16BE(allReplicas, 2)
  body.writeInt32BE(replicasMsMax, 4)
  body.writeInt32BE(1, 8)
  body.writeInt16BE(name.byteLength, 12)
  let at = 14 + name.copy(body, 14)
  at = body.writeInt32BE(batches.length, at)
  for (const [index, { partition, firstSequence, records }] of batches.entries()) {
    at = body.writeInt32BE(partition, at)
    at = body.writeInt32BE(batchBytes[index]!, at)
    const identity = { producerId, producerEpoch }
    at = writeBatch(body, at, batchBytes[index]!, records, sizes[index]!, identity, firstSequence)
  }
  return body
}

function writeBatch(
  body: Buffer,
  start: number,
  bytes: number,
  records: readonly NewRecord[],
  sizes: readonly number[],
  { producerId, producerEpoch }: ProducerIdentity,
  firstSequence: number,
): number {
  const firstMs = Math.trunc(records[0]!.timestampMs)
  const maxMs = records.reduce((max, { timestampMs }) => Math.max(max, Math.trunc(timestampMs)), firstMs)
  let at = body.writeBigInt64BE(0n, start)
  at = body.writeInt32BE(bytes - 12, at)
  at = body.writeInt32BE(-1, at)
  at = body.writeInt8(2, at) + 4
  at = body.writeInt16BE(0, at)
  at = body.writeInt32BE(records.length - 1, at)
  at = body.writeBigInt64BE(BigInt(firstMs), at)
  at = body.writeBigInt64BE(BigInt(maxMs), at)
  at = body.writeBigInt64BE(BigInt(producerId), at)
  at = body.writeInt16BE(producerEpoch, at)
  at = body.writeInt32BE(firstSequence, at)
  at = body.writeInt32BE(records.length, at)
  for (let index = 0; index < records.length; index++) {
    at = writeVarint(body, at, sizes[index]!)
    at = writeRecord(body, at, records[index]!, index, firstMs)
  }
  body.writeUInt32BE(crc32c(body, start + attributesAt, at), start + attributesAt - 4)
  return at
}

function recordBytes(record: NewRecord, index: number, records: readonly NewRecord[]): number {
  const { key, value, timestampMs, eventId, source } = record
  const delta = Math.trunc(timestampMs) - Math.trunc(records[0]!.timestampMs)
  let bytes = 1 + varintBytes(delta) + varintBytes(index)
  bytes += key === null ? 1 : sizedBytes(Buffer.byteLength(key))
  bytes += value === null ? 1 : sizedBytes(value.byteLength)
  bytes += 1
  if (eventId !== undefined) bytes += sizedBytes(eventIdHeader.length) + sizedBytes(Buffer.byteLength(eventId))
  if (source) bytes += sizedBytes(sourceHeader.length) + sizedBytes(sourceText(source).length)
  return bytes
}

function writeRecord(body: Buffer, start: number, record: NewRecord, index: number, firstMs: number): number {
  const { key, value, timestampMs, eventId, source } = record
  let at = body.writeInt8(0, start)
  at = writeVarint(body, at, Math.trunc(timestampMs) - firstMs)
  at = writeVarint(body, at, index)
  at = key === null ? writeVarint(body, at, -1) : writeText(body, at, key)
  at = value === null ? writeVarint(body, at, -1) : writeBytes(body, at, value)
  at = writeVarint(body, at, (eventId === undefined ? 0 : 1) + (source ? 1 : 0))
  if (eventId !== undefined) at = writeText(body, writeBytes(body, at, headerNames.eventId), eventId)
  if (source) at = writeText(body, writeBytes(body, at, headerNames.source), sourceText(source))
  return at
}

function writeText(body: Buffer, at: number, text: string): number {
  const start = writeVarint(body, at, Buffer.byteLength(text))
  return start + body.write(text, start)
}

function writeBytes(body: Buffer, at: number, bytes: Uint8Array): number {
  const start = writeVarint(body, at, bytes.byteLength)
  body.set(bytes, start)
  return start + bytes.byteLength
}

const sizedBytes = (bytes: number): number => varintBytes(bytes) + bytes

/** Zigzag, then seven bits a byte, lowest first; exact for 52 bits, more than the times of records need. */
function writeVarint(body: Buffer, start: number, value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  let at = start
  for (; rest > 127; rest = Math.floor(rest / 128)) body[at++] = (rest % 128) | 128
  body[at++] = rest
  return at
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value < 0 ? -2 * value - 1 : 2 * value; rest > 127; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

const { createErrorFromCode } = createRequire(import.meta.url)('kafkajs/src/protocol/error.js') as {
  createErrorFromCode(code: number): Error
}

/** The response of one topic. */
function decoded(answer: Buffer): { outcomes: Map<number, ProduceOutcome>; clientSideThrottleTime: number } {
  const outcomes = new Map<number, ProduceOutcome>()
  let at = 4
  at += 2 + answer.readInt16BE(at)
  const count = answer.readInt32BE(at)
  at += 4
  for (let index = 0; index < count; index++) {
    const errorCode = answer.readInt16BE(at + 4)
    const baseOffset = Number(answer.readBigInt64BE(at + 6))
    outcomes.set(answer.readInt32BE(at), errorCode === 0 ? { baseOffset } : { error: createErrorFromCode(errorCode) })
    at += 30
  }
  return { outcomes, clientSideThrottleTime: answer.readInt32BE(at) }
}
