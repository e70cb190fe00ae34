// The columns of a topic, from the Avro schemas of the records it holds: one for each field, fields of the same name in one.
// What has no flat shape (maps, lists of records) is JSON text.

import type { AnyRecord } from '../../../schemas/generated.ts'
import registry from '../../../schemas/registry.json' with { type: 'json' }
import type { ColumnType, ParquetColumn, ParquetValue } from './parquet-table.ts'

export interface RecordColumn extends ParquetColumn {
  of(record: Readonly<Record<string, unknown>>): ParquetValue
}

interface Field {
  readonly name: string
  readonly type: unknown
}

const flatTypes: Readonly<Record<string, ColumnType>> = {
  string: 'string',
  int: 'int',
  long: 'long',
  float: 'float',
  double: 'double',
  boolean: 'boolean',
  bytes: 'bytes',
}

/** `topic` may be of one model. Columns in the order of the schemas; none where nothing is known of the topic. */
export function recordColumns(topic: string): RecordColumn[] {
  const found = new Map<string, ParquetColumn>()
  for (const { name, type } of fieldsOf(topic)) {
    const column = columnOf(name, type)
    const known = found.get(name)
    const agrees = !known || (known.type === column.type && known.isList === column.isList)
    found.set(name, agrees ? column : { name, type: 'json' })
  }
  return [...found.values()].map((column) => ({ ...column, of: (record) => parquetValue(column, record[column.name]) }))
}

/** Of the newest version of each kind of record. */
function fieldsOf(topic: string): Field[] {
  const base = topic.split('.')[0]
  const newest = new Map(registry.filter((entry) => entry.topic === base).map((entry) => [entry.subject, entry.schema]))
  newest.delete('Tick')
  return [...newest.values()].flatMap(({ fields }) => fields as Field[])
}

function columnOf(name: string, type: unknown): ParquetColumn {
  const one = Array.isArray(type) ? onlyOf(type) : type
  if (one === 'long' && name.endsWith('TimeMs')) return { name, type: 'time' }
  if (typeof one === 'string' && flatTypes[one]) return { name, type: flatTypes[one] }
  const items = one && typeof one === 'object' && 'items' in one ? one.items : null
  if (typeof items === 'string' && flatTypes[items]) return { name, type: flatTypes[items], isList: true }
  return { name, type: 'json' }
}

/** Of a union with null the other member; of a wider one nothing. */
function onlyOf(union: readonly unknown[]): unknown {
  const members = union.filter((member) => member !== 'null')
  return members.length === 1 ? members[0] : null
}

function parquetValue({ type, isList }: ParquetColumn, value: unknown): ParquetValue {
  if (value === undefined || value === null) return null
  if (type === 'json') return JSON.parse(JSON.stringify(value, bytesAsBase64)) as ParquetValue
  if (isList) return (value as readonly unknown[]).map((member) => flatValue(type, member))
  return flatValue(type, value)
}

function flatValue(type: ColumnType, value: unknown): ParquetValue {
  if (type === 'time') return new Date(value as number)
  if (type === 'long') return BigInt(value as number)
  return value as ParquetValue
}

function bytesAsBase64(this: unknown, name: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[name]
  return raw instanceof Uint8Array ? Buffer.from(raw).toString('base64') : value
}

/** A record as its fields by name. */
export function fieldsByName(record: AnyRecord): Readonly<Record<string, unknown>> {
  return record as unknown as Readonly<Record<string, unknown>>
}
