// A Parquet file written one row group after the other: memory holds the group being gathered and nothing before it.
import type { SchemaElement } from 'hyparquet'
import { fileWriter, ParquetWriter } from 'hyparquet-writer'

/** id: an unsigned 64-bit number. time: milliseconds since 1970. json: text of a value that has no columns of its own. */
export type ColumnType = 'string' | 'int' | 'long' | 'float' | 'double' | 'boolean' | 'time' | 'id' | 'bytes' | 'json'

export interface ParquetColumn {
  readonly name: string
  readonly type: ColumnType
  readonly isList?: true
}

/** null: absent. A json column takes any value that JSON can say. */
export type ParquetValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | Date
  | readonly ParquetValue[]
  | object
  | null

const rowsPerGroup = 20_000

const elementByType: Readonly<Record<ColumnType, Omit<SchemaElement, 'name'>>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  int: { type: 'INT32' },
  long: { type: 'INT64' },
  float: { type: 'FLOAT' },
  double: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
  id: { type: 'INT64', converted_type: 'UINT_64' },
  bytes: { type: 'BYTE_ARRAY' },
  json: { type: 'BYTE_ARRAY', converted_type: 'JSON' },
}

export class ParquetTable {
  readonly columns: readonly ParquetColumn[]
  readonly #writer: ParquetWriter
  readonly #values: ParquetValue[][]
  #rows = 0

  /** Replaces what is at `path`. `facts` go into the file's metadata, as JSON under the key `freshet`. */
  constructor(path: string, columns: readonly ParquetColumn[], facts: Readonly<Record<string, unknown>> = {}) {
    this.columns = columns
    this.#values = columns.map(() => [])
    this.#writer = new ParquetWriter({
      writer: fileWriter(path),
      schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(elementsOf)],
      kvMetadata: [{ key: 'freshet', value: JSON.stringify(facts) }],
      createdBy: 'freshet',
    })
  }

  get rows(): number {
    return this.#rows
  }

  /** One value for each column, in their order. Whole numbers of 64 bits are bigints. */
  add(row: readonly ParquetValue[]): void {
    for (const [place, column] of this.#values.entries()) column.push(row[place] ?? null)
    this.#rows++
    if (this.#values[0]!.length >= rowsPerGroup) this.#flush()
  }

  /** The file is whole when this returns. */
  finish(): void {
    this.#flush()
    this.#writer.finish()
  }

  #flush(): void {
    const rows = this.#values[0]!.length
    if (rows === 0) return
    const columnData = this.columns.map(({ name }, place) => ({ name, data: this.#values[place]! }))
    this.#writer.write({ columnData, rowGroupSize: rows })
    for (const column of this.#values) column.length = 0
  }
}

function elementsOf({ name, type, isList }: ParquetColumn): SchemaElement[] {
  if (!isList) return [{ name, repetition_type: 'OPTIONAL', ...elementByType[type] }]
  return [
    { name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', ...elementByType[type] },
  ]
}
