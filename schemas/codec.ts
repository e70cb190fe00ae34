// Confluent framing around Avro: magic 0, a 4-byte schema id, the body. Decoding resolves every registered past version
// to the current one; bytes fields are views of the input, not copies.
import avro from 'avsc'
import type { AnyRecord, RecordType } from './generated.ts'
import registry from './registry.json' with { type: 'json' }
import { viewBytesRegistry } from './view-bytes.ts'

const magic = 0
const headerBytes = 5

interface Writer {
  readonly id: number
  readonly type: avro.Type
}
interface Reader {
  readonly record: RecordType
  readonly type: avro.Type
  readonly resolver: avro.Resolver | null
}

const writerByRecord = new Map<string, Writer>()
const readerById = new Map<number, Reader>()

for (const entry of registry) {
  const type = parse(entry.schema)
  writerByRecord.set(entry.subject, { id: entry.id, type })
}
for (const entry of registry) {
  const current = writerByRecord.get(entry.subject)!
  const own = entry.id === current.id
  const resolver = own ? null : current.type.createResolver(parse(entry.schema))
  readerById.set(entry.id, { record: entry.subject as RecordType, type: current.type, resolver })
}

function parse(schema: unknown): avro.Type {
  return avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false, registry: viewBytesRegistry() })
}

/** A value that cannot be decoded, said as a value: bad records are not exceptions. */
export interface DecodeFailure {
  readonly type: 'undecodable'
  readonly reason: string
}

/** Frames one record. Throws TypeError, naming the field, when it does not fit its schema: a programmer error. */
export function encode(record: AnyRecord): Uint8Array {
  const writer = writerByRecord.get(record.type)
  if (!writer) throw new TypeError(`no schema for record type ${record.type}`)
  const body = writer.type.toBuffer(asBuffers(record))
  const out = Buffer.allocUnsafe(headerBytes + body.length)
  out[0] = magic
  out.writeUInt32BE(writer.id, 1)
  body.copy(out, headerBytes)
  return out
}

/** Decodes one framed record. bytes fields share memory with `bytes` and keep it alive: copy what outlives the batch. */
export function decode(bytes: Uint8Array): AnyRecord | DecodeFailure {
  if (bytes.byteLength < headerBytes || bytes[0] !== magic) return { type: 'undecodable', reason: 'no Confluent frame' }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const reader = readerById.get(buffer.readUInt32BE(1))
  if (!reader) return { type: 'undecodable', reason: `unknown schema id ${buffer.readUInt32BE(1)}` }
  try {
    const value = reader.resolver
      ? reader.type.fromBuffer(buffer.subarray(headerBytes), reader.resolver)
      : reader.type.fromBuffer(buffer.subarray(headerBytes))
    value.type = reader.record
    return value as AnyRecord
  } catch (cause) {
    return { type: 'undecodable', reason: `${reader.record}: ${(cause as Error).message}` }
  }
}

/** The record type a frame names, without decoding its body; null for what is not a frame of ours. */
export function recordTypeOf(bytes: Uint8Array): RecordType | null {
  if (bytes.byteLength < headerBytes || bytes[0] !== magic) return null
  const id = ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0
  return readerById.get(id)?.record ?? null
}

/** avsc insists on Buffer for bytes; a Uint8Array is wrapped, not copied, also inside nested records. */
function asBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
  if (Array.isArray(value)) return value.some(holdsBytes) ? value.map(asBuffers) : value
  if (!holdsBytes(value)) return value
  const out: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value as object)) out[name] = asBuffers(field)
  return out
}

function holdsBytes(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Buffer.isBuffer(value)
}
