// Confluent framing around Avro: magic 0, a 4-byte schema id, the body. Decoding resolves every registered past version
// to the current one; bytes fields are views of the input, not copies.
import avro from 'avsc'
import { boundedContainers } from './avro-containers.ts'
import type { AnyRecord, RecordType } from './generated.ts'
import { internedStrings } from './interned-strings.ts'
import { ByteSlabs } from './layouts/byte-slabs.ts'
import registry from './registry.json' with { type: 'json' }
import { viewBytes } from './view-bytes.ts'

const magic = 0
const headerBytes = 5

/** A value as avsc writes it: it knows bytes that may be null by their being a Buffer, so a Uint8Array is wrapped, not copied. */
type Wrap = (value: unknown) => unknown

interface Writer {
  readonly id: number
  readonly type: avro.Type
  /** Null: the record holds no such bytes. */
  readonly wrap: Wrap | null
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
  writerByRecord.set(entry.subject, { id: entry.id, type, wrap: wrapOf(type) })
}
for (const entry of registry) {
  const current = writerByRecord.get(entry.subject)!
  const own = entry.id === current.id
  const resolver = own ? null : current.type.createResolver(parse(entry.schema))
  readerById.set(entry.id, { record: entry.subject as RecordType, type: current.type, resolver })
}

function parse(schema: unknown): avro.Type {
  const registry = { bytes: viewBytes(), string: internedStrings() }
  return avro.Type.forSchema(schema as avro.Schema, { wrapUnions: false, registry, typeHook: boundedContainers })
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
  const wrapped = writer.wrap ? writer.wrap(record) : record
  const end = writer.type.encode(wrapped, scratch, headerBytes)
  // Below zero: minus the bytes that were missing.
  const framed = end < 0 ? Buffer.allocUnsafe(scratch.length - end) : scratch
  if (end < 0) writer.type.encode(wrapped, framed, headerBytes)
  framed[0] = magic
  framed.writeUInt32BE(writer.id, 1)
  return end < 0 ? framed : small.copy(scratch.subarray(0, end))
}

/** Records that fit are written here first, because their size is not known before. */
const scratch = Buffer.allocUnsafe(1 << 18)
/** Those up to 4 KiB share pieces of memory. Larger ones, pages above all, may be kept for long and would keep the others. */
const small = new ByteSlabs(1 << 15)

/** Decodes one framed record. bytes fields share memory with `bytes` and keep it alive: copy what outlives the batch. */
export function decode(bytes: Uint8Array): AnyRecord | DecodeFailure {
  if (bytes.byteLength < headerBytes || bytes[0] !== magic) return { type: 'undecodable', reason: 'no Confluent frame' }
  const id = schemaIdOf(bytes)
  const reader = readerById.get(id)
  if (!reader) return { type: 'undecodable', reason: `unknown schema id ${id}` }
  const frame = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    const { value, offset } = reader.type.decode(frame, headerBytes, reader.resolver ?? undefined)
    if (offset !== frame.length) return undecodable(reader, offset < 0 ? 'it is cut short' : 'bytes follow it')
    value.type = reader.record
    return value as AnyRecord
  } catch (cause) {
    return undecodable(reader, (cause as Error).message)
  }
}

function undecodable({ record }: Reader, reason: string): DecodeFailure {
  return { type: 'undecodable', reason: `${record}: ${reason}` }
}

/** The record type a frame names, without decoding its body; null for what is not a frame of ours. */
export function recordTypeOf(bytes: Uint8Array): RecordType | null {
  if (bytes.byteLength < headerBytes || bytes[0] !== magic) return null
  return readerById.get(schemaIdOf(bytes))?.record ?? null
}

function schemaIdOf(frame: Uint8Array): number {
  return ((frame[1]! << 24) | (frame[2]! << 16) | (frame[3]! << 8) | frame[4]!) >>> 0
}

/** How a value of this type becomes one that avsc takes; only what changes is copied on the way. */
function wrapOf(type: avro.Type): Wrap | null {
  if (type instanceof avro.types.ArrayType) {
    const wrap = wrapOf(type.itemsType)
    return wrap && ((value) => (Array.isArray(value) ? value.map(wrap) : value))
  }
  if (type instanceof avro.types.MapType) {
    const wrap = wrapOf(type.valuesType)
    return wrap && ((value) => (isObject(value) ? mapped(value, wrap) : value))
  }
  if (type instanceof avro.types.RecordType) {
    const fields = type.fields.flatMap(({ name, type: own }) => {
      const wrap = wrapOf(own)
      return wrap ? [{ name, wrap }] : []
    })
    return fields.length === 0 ? null : (value) => (isObject(value) ? withFields(value, fields) : value)
  }
  if (type instanceof avro.types.UnwrappedUnionType) {
    // A union here is of null and one other type.
    if (type.types.some((own) => own.typeName === 'bytes')) return bufferOf
    const wraps = type.types.flatMap((own) => wrapOf(own) ?? [])
    return wraps[0] ?? null
  }
  return null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function bufferOf(value: unknown): unknown {
  if (!(value instanceof Uint8Array) || Buffer.isBuffer(value)) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function mapped(value: Record<string, unknown>, wrap: Wrap): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, wrap(own)]))
}

function withFields(
  value: Record<string, unknown>,
  fields: readonly { readonly name: string; readonly wrap: Wrap }[],
): Record<string, unknown> {
  let out = value
  for (let index = 0; index < fields.length; index++) {
    const { name, wrap } = fields[index]!
    const given = value[name]
    const wrapped = wrap(given)
    if (wrapped === given) continue
    if (out === value) out = { ...value }
    out[name] = wrapped
  }
  return out
}
